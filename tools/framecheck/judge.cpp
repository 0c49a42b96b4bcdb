#include "judge.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

namespace camring::framecheck {
namespace {

constexpr double kBlack = 20, kWhite = 235;  // 95 % of the picture below, above
constexpr double kUniform = 2;               // the whole range of a picture without content
constexpr std::uint64_t kFrozenFrames = 3;
constexpr double kBaselineSigmas = 4;
constexpr double kBaselineShare = 0.25;  // a baseline of quiet hours is no reason to alarm at every change
constexpr double kRateWarning = 0.1, kRateCritical = 0.5;

std::string short_number(double value) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), std::abs(value) < 10 ? "%.2g" : "%.0f", value);
  return text.data();
}

std::string name_of(const MetricInfo& info) {
  std::string name = info.name;
  std::replace(name.begin(), name.end(), '_', ' ');
  return name;
}

std::string explain(const MetricInfo& info, bool low) {
  const std::string words = low ? info.low : info.high;
  return words.empty() ? "" : ": " + words;
}

void judge_ranges(const Reading& reading, const Limits& limits, Verdict& verdict) {
  for (const MetricInfo& info : metric_table()) {
    const auto& value = reading.values[info.metric];
    if (!value) continue;
    for (const State state : {State::critical, State::warning}) {
      const auto& ranges = state == State::critical ? limits.critical : limits.warning;
      const auto found = ranges.find(info.metric);
      if (found == ranges.end() || !found->second.alerts(*value)) continue;
      const bool low = *value < found->second.start;
      const std::string limit = found->second.inside ? " (alert range " : " (allowed ";
      verdict.add(state, info.name,
                  name_of(info) + " " + short_number(*value) + info.unit + limit + to_string(found->second) +
                      ")" + explain(info, low));
      break;
    }
  }
}

void judge_baseline(const Reading& reading, const Baseline& baseline, int hour, Verdict& verdict) {
  for (const Metric metric : baseline_metrics()) {
    const auto& value = reading.values[metric];
    const auto usual = baseline.usual(hour, metric);
    if (!value || !usual) continue;
    const double off = *value - usual->mean;
    if (std::abs(off) <=
        std::max({kBaselineSigmas * usual->deviation, kBaselineShare * std::abs(usual->mean), 1.0}))
      continue;
    if ((metric == Metric::sharpness && off > 0) ||
        ((metric == Metric::noise || metric == Metric::cast) && off < 0))
      continue;
    const MetricInfo& info = info_of(metric);
    const bool known = std::any_of(verdict.reasons.begin(), verdict.reasons.end(),
                                   [&](const Reason& reason) { return reason.check == info.name; });
    if (known) continue;
    verdict.add(State::warning, info.name,
                name_of(info) + " " + short_number(*value) + info.unit + ", usually " +
                    short_number(usual->mean) + "±" + short_number(usual->deviation) + " at this hour" +
                    explain(info, off < 0));
  }
}

void judge_rate(const Values& values, const Rate& rate, Verdict& verdict) {
  const auto& fps = values[Metric::fps];
  if (!fps) return;
  const double off = std::abs(*fps / rate.fps() - 1);
  if (off <= kRateWarning) return;
  verdict.add(off > kRateCritical ? State::critical : State::warning, "rate",
              short_number(*fps) + " frames a second instead of " + to_string(rate) +
                  explain(info_of(Metric::fps), *fps < rate.fps()));
}

// True when there is something to see, so that figures mean something.
bool judge_content(const Reading& reading, const Limits& limits, Verdict& verdict) {
  if (reading.region_outside) {
    verdict.add(State::unknown, "roi", "the region lies outside the picture of " + to_string(reading.size));
    return false;
  }
  if (reading.pictures == 0) return false;
  if (reading.placeholder) {
    verdict.add(State::critical, "placeholder",
                "a placeholder stands in for the camera: its source gives no signal");
    return false;
  }
  if (reading.p95 < kBlack) {
    verdict.add(State::critical, "black", "the picture is black: lens covered, light off or no sensor data?");
    return false;
  }
  if (reading.p5 > kWhite) {
    verdict.add(State::critical, "white", "the picture is white: overexposed?");
    return false;
  }
  if (reading.values[Metric::range].value_or(0) < kUniform &&
      reading.values[Metric::contrast].value_or(0) < kUniform) {
    verdict.add(State::critical, "uniform", "the picture is one plain colour: no sensor data?");
    return false;
  }
  if (limits.freeze_time.count() > 0 && reading.equal_frames >= kFrozenFrames &&
      reading.equal_for >= limits.freeze_time) {
    verdict.add(State::critical, "frozen",
                "no pixel changed in " + std::to_string(reading.equal_frames) + " frames over " +
                    duration_text(std::chrono::duration_cast<std::chrono::milliseconds>(reading.equal_for)) +
                    ", not even by noise: the camera hangs?");
  }
  return true;
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

Verdict judge(Reading& reading, const Limits& limits, const Baseline* baseline, int hour) {
  Verdict verdict;
  const auto& age = reading.values[Metric::age];
  const double most = std::chrono::duration<double>(limits.max_age).count();
  if (age && *age > most) {
    verdict.add(State::critical, "stale",
                "no new frame for " + short_number(*age) + " s (allowed " + short_number(most) + " s)");
  }
  if (limits.size && reading.pictures != 0 && reading.size != *limits.size) {
    verdict.add(
        State::critical, "size",
        "the picture has " + to_string(reading.size) + " pixels instead of " + to_string(*limits.size));
  }
  if (limits.rate) judge_rate(reading.values, *limits.rate, verdict);
  if (judge_content(reading, limits, verdict)) {
    judge_ranges(reading, limits, verdict);
    if (baseline != nullptr) judge_baseline(reading, *baseline, hour, verdict);
  } else if (reading.pictures != 0) {
    reading.values[Metric::score] = 0;
  }
  for (const Reason& reason : verdict.reasons) {
    if (reason.check == "frozen" || reason.check == "stale") reading.values[Metric::score] = 0;
  }
  return verdict;
}

}  // namespace camring::framecheck
