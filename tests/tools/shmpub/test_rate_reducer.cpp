#include <cmath>
#include <random>
#include <vector>

#include "catch.h"
#include "rate_reducer.h"

using namespace camring;
using namespace camring::shmpub;

namespace {

constexpr double kSecond = 1e9;

// Numbers of the frames that are taken of `count` frames at `fps`, each moved by up to `jitter` of an
// interval.
std::vector<std::uint64_t> taken_of(Rate wanted, double fps, int count, double jitter = 0,
                                    Rate nominal = {}) {
  RateReducer reducer(wanted);
  reducer.restart(nominal);
  std::mt19937 random(1);
  std::uniform_real_distribution<double> shift(-jitter, jitter);
  std::vector<std::uint64_t> taken;
  for (int n = 0; n < count; ++n) {
    const auto time = static_cast<std::int64_t>(1e12 + (n + shift(random)) * kSecond / fps);
    if (!reducer.due(time, static_cast<std::uint64_t>(n))) continue;
    reducer.taken();
    taken.push_back(static_cast<std::uint64_t>(n));
  }
  return taken;
}

// The steps from one taken frame to the next, as a set of what occurs behind the first few.
std::vector<std::uint64_t> steps(const std::vector<std::uint64_t>& taken) {
  std::vector<std::uint64_t> seen;
  for (std::size_t i = 4; i < taken.size(); ++i) {
    const std::uint64_t step = taken[i] - taken[i - 1];
    if (std::find(seen.begin(), seen.end(), step) == seen.end()) seen.push_back(step);
  }
  std::sort(seen.begin(), seen.end());
  return seen;
}

using Steps = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("rate reducer: without an order every frame comes through") {
  RateReducer reducer(std::nullopt);
  for (int n = 0; n < 10; ++n) CHECK(reducer.due(n, 0));
}

TEST_CASE("rate reducer: a whole ratio takes every n-th frame exactly, with jitter and without") {
  for (const double jitter : {0.0, 0.1, 0.25}) {
    INFO(jitter);
    CHECK(steps(taken_of({15, 1}, 30, 3000, jitter, {30, 1})) == Steps{2});
    CHECK(steps(taken_of({5, 1}, 30, 3000, jitter, {30, 1})) == Steps{6});
    CHECK(steps(taken_of({1, 1}, 30, 9000, jitter, {30, 1})) == Steps{30});
    CHECK(steps(taken_of({15, 1}, 60, 3000, jitter)) == Steps{4});
  }
}

TEST_CASE("rate reducer: a source clock that is a little off gives no odd step, ever") {
  CHECK(steps(taken_of({15, 1}, 30000.0 / 1001, 20'000, 0.2, {30000, 1001})) == Steps{2});
  CHECK(steps(taken_of({15, 1}, 30.02, 20'000, 0.2, {30, 1})) == Steps{2});
  CHECK(steps(taken_of({10, 1}, 29.99, 20'000, 0.2, {30, 1})) == Steps{3});
}

TEST_CASE("rate reducer: other ratios alternate between the two nearest steps and keep the rate") {
  for (const auto& [wanted, fps] : {std::pair{Rate{20, 1}, 30.0},
                                    {Rate{25, 1}, 30.0},
                                    {Rate{25, 2}, 30.0},
                                    {Rate{24, 1}, 60.0},
                                    {Rate{7, 1}, 25.0}}) {
    const int count = 6000;
    const auto taken = taken_of(wanted, fps, count);
    const auto lower = static_cast<std::uint64_t>(fps / wanted.fps());
    INFO(wanted.fps() << " of " << fps);
    for (const std::uint64_t step : steps(taken)) CHECK((step == lower || step == lower + 1));
    const double expected = count / fps * wanted.fps();
    CHECK(std::abs(static_cast<double>(taken.size()) - expected) <= 0.003 * expected + 1);
  }
}

TEST_CASE("rate reducer: a source that is not faster than what is wanted comes through whole") {
  CHECK(taken_of({30, 1}, 30, 1000, 0.3, {30, 1}).size() == 1000);
  CHECK(taken_of({30, 1}, 29.97, 1000, 0.3, {30, 1}).size() == 1000);
  CHECK(taken_of({30, 1}, 30.1, 1000, 0.3, {30, 1}).size() == 1000);
  CHECK(taken_of({60, 1}, 25, 1000, 0.4).size() == 1000);
}

TEST_CASE("rate reducer: a camera that halves its rate in the dark is followed") {
  RateReducer reducer(Rate{10, 1});
  reducer.restart({30, 1});
  double time = 0;
  std::vector<double> taken;
  for (std::uint64_t n = 0; n < 900; ++n) {
    time += n < 300 ? kSecond / 30 : n < 600 ? kSecond / 8 : kSecond / 30;
    if (!reducer.due(static_cast<std::int64_t>(time), n)) continue;
    reducer.taken();
    taken.push_back(time);
  }
  // 10 s at 10, 37.5 s at the camera's own 8, 10 s at 10.
  CHECK(std::abs(static_cast<double>(taken.size()) - (100 + 300 + 100)) <= 10);
}

TEST_CASE("rate reducer: frames that this process missed do not slow its idea of the source") {
  RateReducer reducer(Rate{15, 1});
  reducer.restart({});
  std::size_t taken = 0;
  for (std::uint64_t n = 0; n < 3000; n += n % 7 == 0 ? 2 : 1) {
    if (!reducer.due(static_cast<std::int64_t>(static_cast<double>(n) * kSecond / 30), n)) continue;
    reducer.taken();
    ++taken;
  }
  CHECK(taken >= 1200);
  CHECK(taken <= 1501);
}

TEST_CASE("rate reducer: a pause, or a clock that jumps either way, starts the grid anew at once") {
  for (const double jump : {3600.0, -3600.0, 6.0, -0.5}) {
    RateReducer reducer(Rate{1, 1});
    reducer.restart({30, 1});
    double time = 1e13;
    std::vector<std::uint64_t> taken;
    for (std::uint64_t n = 0; n < 120; ++n) {
      time += kSecond / 30 + (n == 45 ? jump * kSecond : 0);
      if (!reducer.due(static_cast<std::int64_t>(time), n)) continue;
      reducer.taken();
      taken.push_back(n);
    }
    INFO(jump);
    CHECK(taken == Steps{0, 30, 45, 75, 105});
  }
}

TEST_CASE("rate reducer: a frame that was due but bad leaves its place to the next") {
  RateReducer reducer(Rate{5, 1});
  reducer.restart({30, 1});
  std::vector<std::uint64_t> taken;
  for (std::uint64_t n = 0; n < 30; ++n) {
    const bool bad = n == 0 || n == 7;
    if (!reducer.due(static_cast<std::int64_t>(static_cast<double>(n) * kSecond / 30), n) || bad) continue;
    reducer.taken();
    taken.push_back(n);
  }
  CHECK(taken == Steps{1, 8, 13, 19, 25});
}
