// From figures to a verdict with reasons in plain words.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/units.h"
#include "baseline.h"
#include "meter.h"
#include "range.h"

namespace camring::framecheck {

/// The Monitoring Plugins' states; the numbers are exit codes.
enum class State : int { ok = 0, warning = 1, critical = 2, unknown = 3 };
[[nodiscard]] const char* to_string(State state) noexcept;  ///< "OK", "WARNING", …

struct Reason {
  State state;
  std::string check;  ///< "sharpness", "frozen", "stale", …: stable, for programs
  std::string text;   ///< for people
};

struct Verdict {
  State state = State::ok;
  std::vector<Reason> reasons;  ///< the worst first
  void add(State state, std::string check, std::string text);
};

struct Limits {
  std::map<Metric, Range> warning, critical;
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
