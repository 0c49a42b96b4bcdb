#include <cstdlib>
#include <random>
#include <vector>

#include "catch.h"
#include "judge.h"
#include "report.h"

using namespace camring;
using namespace camring::syncmon;
using app::State;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kNow = 1'000'000 * kMs;

RingState ring(const char* name) { return {name, WriterState::live, 100, kNow - 10 * kMs}; }

PairReading apart(std::int64_t offset_ns) {
  PairReading reading;
  reading.how = How::number;
  reading.estimate.pairs = 30;
  reading.estimate.p50_ns = reading.estimate.recent_ns = reading.estimate.max_ns = offset_ns;
  reading.estimate.p95_ns = offset_ns < 0 ? -offset_ns : offset_ns;
  reading.missing_percent = 0;
  reading.suggestion =
      sync::Suggestion{offset_ns > 0 ? sync::Side::a : sync::Side::b, reading.estimate.p95_ns};
  return reading;
}

app::Verdict judged(const PairReading& reading, const std::optional<sync::ClockDiscipline>& clock = {}) {
  return judge(ring("a"), ring("b"), reading, default_limits(), clock, kNow);
}

}  // namespace

TEST_CASE("judge: within the tolerance is fine, beyond it is not, and the early ring is to wait",
          "[syncmon]") {
  CHECK(judged(apart(40 * kMs)).state == State::ok);
  CHECK(judged(apart(-60 * kMs)).state == State::critical);
  CHECK(advice(ring("a"), ring("b"), apart(83 * kMs)) == "delay a by 83 ms");
  CHECK(advice(ring("a"), ring("b"), apart(-83 * kMs)) == "delay b by 83 ms");
  CHECK(advice(ring("a"), ring("b"), apart(kMs / 2)).empty());
}

TEST_CASE("judge: rings that are in step again say that it is the window that is not yet", "[syncmon]") {
  PairReading reading = apart(-60 * kMs);
  reading.estimate.recent_ns = 2 * kMs;
  CHECK(judged(reading).reasons.at(0).text == "median offset -60 ms, tolerated are 50ms; of late 2 ms");
  reading.degraded = true;
  CHECK(judged(reading).reasons.at(0).text == "offset 2 ms, tolerated are 50ms");
}

TEST_CASE("judge: single violations warn, missing frames warn and then are critical", "[syncmon]") {
  PairReading reading = apart(10 * kMs);
  reading.violations = 2;
  CHECK(judged(reading).reasons.at(0).check == "violations");
  CHECK(judged(reading).state == State::warning);
  reading.violations = 0;
  reading.missing_percent = 10;
  CHECK(judged(reading).state == State::warning);
  reading.missing_percent = 60;
  CHECK(judged(reading).state == State::critical);
}

TEST_CASE("judge: an undisciplined clock matters only where capture times come from elsewhere", "[syncmon]") {
  PairReading reading = apart(0);
  const sync::ClockDiscipline bad{};
  reading.inferred = true;
  CHECK(judged(reading, bad).state == State::ok);
  reading.how = How::time;
  CHECK(judged(reading, bad).reasons.at(0).check == "clock");
  reading.inferred = false;
  CHECK(judged(reading, bad).state == State::ok);
}

TEST_CASE("report: the worst comparison decides, and a ring's death is said once", "[syncmon]") {
  const Limits limits = default_limits();
  Report report{{ring("a"), ring("b"), ring("c")}, {}, {}};
  report.rings[0].writer = WriterState::dead;
  for (const std::size_t second : {1U, 2U}) {
    report.comparisons.push_back({0, second, {}, {}, limits});
    report.comparisons.back().verdict =
        judge(report.rings[0], report.rings[second], report.comparisons.back().reading, limits, {}, kNow);
  }
  CHECK(report.state() == State::critical);
  CHECK(plugin_line(report) == "SYNCMON CRITICAL - a b c: a: the ring's writer died\n");
  // Beside what is wrong with another ring, too.
  report.rings[1].writer = WriterState::ended;
  for (Comparison& item : report.comparisons)
    item.verdict = judge(report.rings[0], report.rings[item.second], item.reading, limits, {}, kNow);
  CHECK(plugin_line(report) ==
        "SYNCMON CRITICAL - a b c: a: the ring's writer died; b: the ring's writer has ended\n");
}

TEST_CASE("pair check: pictures that tell nothing any more leave no answer standing", "[syncmon]") {
  CheckRules rules;
  rules.content = true;
  PairCheck check(rules);
  std::uint64_t number = 0;
  std::mt19937 dice(1);
  std::vector<double> light(40, 120);
  // Twelve seconds: longer than the window. The second ring shows everything two frames later.
  const auto film = [&](bool codes, double change) {
    for (const std::uint64_t end = number + 360; number < end; ++number) {
      std::normal_distribution<double> step(0, 1);
      light.push_back(light.back() + change * step(dice) - (light.back() - 120) * 0.1);
      for (const sync::Side side : {sync::Side::a, sync::Side::b}) {
        const std::uint64_t late = side == sync::Side::b ? 2 : 0;
        if (number < late) continue;
        Sighting sighting;
        sighting.period_ns = 33 * kMs;
        sighting.moment.source_number = number;
        sighting.moment.published_ns = sighting.moment.timeline_ns =
            static_cast<std::int64_t>(number + 1) * 33 * kMs;
        sighting.luma = light[light.size() - 1 - late];
        if (codes)
          sighting.code = PatternCode{static_cast<std::uint32_t>(number - late),
                                      static_cast<std::uint64_t>(number - late + 1) * 33 * kMs};
        check.add(side, sighting);
      }
    }
  };
  film(true, 6);
  CHECK(check.reading().how == How::code);
  CHECK(check.reading().estimate.p50_ns == 66 * kMs);
  film(false, 6);
  CHECK(check.reading().how == How::content);
  CHECK(std::abs(check.reading().estimate.p50_ns - 66 * kMs) < 15 * kMs);
  film(false, 0);
  film(false, 0);
  CHECK(check.reading().estimate.pairs == 0);
  CHECK(judged(check.reading()).reasons.at(0).check == "content");
  film(true, 0);
  CHECK(check.reading().how == How::code);
}
