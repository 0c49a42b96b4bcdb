// Threshold ranges as the Monitoring Plugins Development Guidelines define them ("Threshold and Ranges").
#pragma once

#include <limits>
#include <string>
#include <string_view>

namespace camring::app {

/// [start, end], both included; an alert is a value outside, or inside when `inside` is set.
struct Range {
  double start = 0;
  double end = std::numeric_limits<double>::infinity();
  bool inside = false;
  [[nodiscard]] bool alerts(double value) const noexcept {
    const bool within = value >= start && value <= end;
    return within == inside;
  }
};

/// "10" (0 to 10), "10:" (10 or more), "~:10" (10 or less), "10:20", "@10:20" (alert inside).
/// @throws std::invalid_argument with an example.
[[nodiscard]] Range parse_range(std::string_view text);
[[nodiscard]] std::string to_string(const Range& range);  ///< in the same grammar

}  // namespace camring::app
