#include <cmath>
#include <random>

#include "catch.h"
#include "sync/clock_discipline.h"
#include "sync/offset_estimator.h"

using namespace camring::sync;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;
constexpr std::int64_t kPeriod = 33 * kMs;

}  // namespace

TEST_CASE("estimator: offset, percentile, largest and jitter are those of the series", "[sync]") {
  OffsetEstimator estimator({.window_ns = 1'000'000 * kMs, .tolerance_ns = 50 * kMs});
  for (int i = 0; i < 100; ++i) estimator.add((i - 20) * kMs, i * kPeriod);
  const Estimate estimate = estimator.estimate();
  CHECK(estimate.pairs == 100);
  CHECK(estimate.p50_ns == 30 * kMs);
  CHECK(estimate.p95_ns == 74 * kMs);
  CHECK(estimate.max_ns == 79 * kMs);
  CHECK(estimate.jitter_ns == 25 * kMs);
  CHECK(estimator.violations() == 29);
  CHECK(estimator.window_violations() == 29);
}

TEST_CASE("estimator: drift is found under jitter and with a quarter of wild values", "[sync]") {
  std::mt19937 random(5);
  std::normal_distribution<double> jitter(0, 2e6);
  for (const double ppm : {0.0, 200.0, -1500.0}) {
    CAPTURE(ppm);
    OffsetEstimator estimator({.window_ns = 1'000'000 * kMs, .tolerance_ns = 50 * kMs});
    for (int i = 0; i < 900; ++i) {
      const std::int64_t at = i * kPeriod;
      const double wild = i % 4 == 0 ? 400e6 * (static_cast<double>(random() % 1000) / 1000 - 0.3) : 0;
      estimator.add(
          static_cast<std::int64_t>(83e6 + ppm * 1e-6 * static_cast<double>(at) + jitter(random) + wild), at);
    }
    const Estimate estimate = estimator.estimate();
    REQUIRE(estimate.drift_ppm);
    CHECK(std::abs(*estimate.drift_ppm - ppm) < 60);
    CHECK(estimate.drift_error_ppm > 0);
    CHECK(std::abs(*estimate.drift_ppm - ppm) < 2 * estimate.drift_error_ppm);
    const Estimate quick = estimator.estimate(false);
    CHECK_FALSE(quick.drift_ppm);
    CHECK(quick.p50_ns == estimate.p50_ns);
    CHECK(quick.jitter_ns == estimate.jitter_ns);
  }
}

TEST_CASE("estimator: too short a series has no drift", "[sync]") {
  OffsetEstimator estimator;
  for (int i = 0; i < 9; ++i) estimator.add(0, i * 1000 * kMs);
  CHECK_FALSE(estimator.estimate().drift_ppm);
  OffsetEstimator brief;
  for (int i = 0; i < 30; ++i) brief.add(i, i * 10 * kMs);
  CHECK_FALSE(brief.estimate().drift_ppm);
  CHECK(OffsetEstimator().estimate().pairs == 0);
  CHECK_FALSE(OffsetEstimator().suggestion());
}

TEST_CASE("estimator: violations in a row degrade, as many good ones in a row recover", "[sync]") {
  OffsetEstimator estimator({.tolerance_ns = 50 * kMs, .max_violations = 3});
  std::int64_t at = 0;
  const auto add = [&](std::int64_t ms) { estimator.add(ms * kMs, at += kPeriod); };
  for (const int ms : {60, 60, 10, -60, 60}) add(ms);
  CHECK_FALSE(estimator.degraded());
  add(70);
  CHECK(estimator.degraded());
  CHECK(estimator.violations() == 5);
  for (const int ms : {10, 10, 60, 10, 10}) add(ms);
  CHECK(estimator.degraded());
  add(10);
  CHECK_FALSE(estimator.degraded());
}

TEST_CASE("estimator: the suggestion follows a step as soon as it is a violation", "[sync]") {
  OffsetEstimator estimator({.tolerance_ns = 50 * kMs, .max_violations = 5});
  std::int64_t at = 0;
  for (int i = 0; i < 200; ++i) estimator.add(2 * kMs, at += kPeriod);
  while (!estimator.degraded()) estimator.add(83 * kMs, at += kPeriod);
  REQUIRE(estimator.suggestion());
  CHECK(estimator.suggestion()->delay_side == Side::a);
  CHECK(estimator.suggestion()->delay_ns == 83 * kMs);
  CHECK(estimator.estimate().p50_ns == 2 * kMs);
  for (int i = 0; i < 5; ++i) estimator.add(-40 * kMs, at += kPeriod);
  CHECK(estimator.suggestion()->delay_side == Side::b);
  CHECK(estimator.suggestion()->delay_ns == 40 * kMs);
}

TEST_CASE("estimator: the window is bounded in time and in number", "[sync]") {
  OffsetEstimator estimator({.window_ns = 1000 * kMs});
  for (int i = 0; i < 100; ++i) estimator.add(i, i * 100 * kMs);
  CHECK(estimator.pairs() == 11);
  OffsetEstimator fast({.window_ns = 1'000'000 * kMs});
  for (int i = 0; i < 5000; ++i) fast.add(i, i);
  CHECK(fast.pairs() == OffsetEstimator::kMemory);
  fast.clear();
  CHECK(fast.pairs() == 0);
}

TEST_CASE("estimator: offsets that stopped coming are forgotten, later where they are rare", "[sync]") {
  OffsetEstimator estimator({.window_ns = kSecond});
  estimator.add(5 * kMs, kSecond);
  estimator.expire(2 * kSecond);
  CHECK(estimator.pairs() == 1);
  estimator.expire(3 * kSecond, 2 * kSecond);
  CHECK(estimator.pairs() == 1);
  estimator.expire(3 * kSecond);
  CHECK(estimator.pairs() == 0);
  CHECK_FALSE(estimator.suggestion());
}

TEST_CASE("delays: the latest ring is not delayed, the others wait for it", "[sync]") {
  CHECK(delays_to_meet({0, 83, -10}) == std::vector<std::int64_t>{83, 0, 93});
  CHECK(delays_to_meet({}).empty());
}

TEST_CASE("clock discipline: the kernel answers, or says that it may not", "[sync]") {
  if (const auto clock = clock_discipline()) {
    CHECK(std::abs(clock->frequency_ppm) <= 500);
    CHECK_FALSE(describe(*clock).empty());
  }
}
