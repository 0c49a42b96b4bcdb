#include "judge.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

#include "base/units.h"

namespace camring::syncmon {
namespace {

using app::State;
using app::Verdict;

constexpr std::int64_t kWorthNs = 1'000'000;

bool judge_ring(const RingState& ring, const Limits& limits, std::int64_t now_ns, Verdict& verdict) {
  const std::string trouble(trouble_of(ring.writer));
  if (!trouble.empty()) {
    verdict.add(State::critical, ring.writer == WriterState::no_signal ? "signal" : "ring",
                ring.name + ": " + trouble);
    return false;
  }
  if (ring.frames == 0) {
    verdict.add(State::critical, "ring", ring.name + ": the ring has had no frame yet");
    return false;
  }
  const std::int64_t age = now_ns - ring.published_ns;
  if (age <= limits.max_age.count()) return true;
  verdict.add(
      State::critical, "stale",
      ring.name + ": no new frame for " + ms_text(age) + " (allowed " + duration_text(limits.max_age) + ")");
  return false;
}

void judge_nothing(const PairReading& reading, Verdict& verdict) {
  if (reading.content) return verdict.add(State::unknown, "content", to_string(reading.content->why));
  std::string text = "no frames pair";
  if (reading.apart_ns)
    text += ": the newest are " + ms_text(std::abs(*reading.apart_ns)) +
            " apart by their times; is one far behind, or do its time stamps lie (--content)?";
  verdict.add(State::critical, "pairs", text);
}

void judge_offsets(const PairReading& reading, const Limits& limits, Verdict& verdict) {
  const std::string tolerance = duration_text(limits.tolerance);
  if (reading.degraded) {
    verdict.add(State::critical, "degraded",
                "offset " + ms_text(reading.estimate.recent_ns) + ", tolerated are " + tolerance);
  } else if (std::abs(reading.estimate.p50_ns) > limits.tolerance.count()) {
    // Of few pairs, or after the last ones came in step again.
    verdict.add(State::critical, "degraded",
                "median offset " + ms_text(reading.estimate.p50_ns) + ", tolerated are " + tolerance +
                    "; of late " + ms_text(reading.estimate.recent_ns));
  } else if (reading.violations > 0) {
    verdict.add(State::warning, "violations",
                std::to_string(reading.violations) + " of " + std::to_string(reading.estimate.pairs) +
                    " pairs are more than " + tolerance + " apart, by up to " +
                    ms_text(std::abs(reading.estimate.max_ns)));
  }
}

void judge_ranges(const PairReading& reading, const Limits& limits, Verdict& verdict) {
  for (const MetricInfo& info : metric_table()) {
    const auto value = value_of(info.metric, reading);
    if (!value) continue;
    for (const State state : {State::critical, State::warning}) {
      const Ranges& ranges = state == State::critical ? limits.critical : limits.warning;
      const auto found = ranges.find(info.metric);
      if (found == ranges.end() || !found->second.alerts(*value)) continue;
      verdict.add(state, info.name,
                  std::string(info.what) + " " + app::short_number(*value) + info.unit +
                      (found->second.inside ? " (alert range " : " (allowed ") + to_string(found->second) +
                      ")");
      break;
    }
  }
}

}  // namespace

Limits default_limits() {
  Limits limits;
  for (const MetricInfo& info : metric_table()) {
    if (*info.warning != '\0') limits.warning[info.metric] = app::parse_range(info.warning);
    if (*info.critical != '\0') limits.critical[info.metric] = app::parse_range(info.critical);
  }
  return limits;
}

bool runs(const RingState& ring, const Limits& limits, std::int64_t now_ns) {
  Verdict unheard;
  return judge_ring(ring, limits, now_ns, unheard);
}

std::string ms_text(std::int64_t ns) {
  const double ms = static_cast<double>(ns) * 1e-6;
  if (std::abs(ms) >= 10'000) return app::short_number(ms / 1000) + " s";
  return app::short_number(std::abs(ms) < 10 ? std::round(ms * 100) / 100 : std::round(ms * 10) / 10) + " ms";
}

std::string advice(const RingState& a, const RingState& b, const PairReading& reading) {
  if (!reading.suggestion || reading.suggestion->delay_ns < kWorthNs) return {};
  const RingState& early = reading.suggestion->delay_side == sync::Side::a ? a : b;
  return "delay " + early.name + " by " +
         app::short_number(std::round(static_cast<double>(reading.suggestion->delay_ns) * 1e-6)) + " ms";
}

Verdict judge(const RingState& a, const RingState& b, const PairReading& reading, const Limits& limits,
              const std::optional<sync::ClockDiscipline>& clock, std::int64_t now_ns) {
  Verdict verdict;
  const bool well_a = judge_ring(a, limits, now_ns, verdict), well_b = judge_ring(b, limits, now_ns, verdict);
  if (reading.estimate.pairs == 0) {
    if (well_a && well_b) judge_nothing(reading, verdict);
    return verdict;
  }
  judge_offsets(reading, limits, verdict);
  judge_ranges(reading, limits, verdict);
  if (reading.jumped)
    verdict.add(State::warning, "jump", "capture times jumped: was a clock set, or a source restarted?");
  // Rings of one machine share its monotonic clock; a stream's sender has a clock of its own.
  if (clock && !clock->synchronised && reading.how == How::time && reading.inferred)
    verdict.add(State::warning, "clock",
                "frames are paired by estimated capture times and this machine's clock is not synchronised");
  return verdict;
}

}  // namespace camring::syncmon
