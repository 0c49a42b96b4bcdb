// From figures to a verdict with reasons in plain words.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "app/range.h"
#include "app/verdict.h"
#include "base/units.h"
#include "baseline.h"
#include "meter.h"

namespace camring::framecheck {

using app::Reason;
using app::State;
using app::Verdict;

struct Limits {
  std::map<Metric, app::Range> warning, critical;
  std::chrono::nanoseconds freeze_time = std::chrono::milliseconds(500);  ///< 0: never
  std::chrono::nanoseconds max_age = std::chrono::seconds(2);
  std::optional<Size> size;
  std::optional<Rate> rate;
};
/// The ranges of metrics.cpp's table.
[[nodiscard]] Limits default_limits();

/// Judges what was measured. Sets the score to 0 where there is no picture worth the name.
[[nodiscard]] Verdict judge(Reading& reading, const Limits& limits, const Baseline* baseline, int hour);

}  // namespace camring::framecheck
