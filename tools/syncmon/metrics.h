// The figures that syncmon knows, in one table: names, units and default thresholds.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>

#include "app/range.h"
#include "pair_check.h"

namespace camring::syncmon {

enum class Metric : std::uint8_t { offset, p95, max, jitter, drift, missing, violations };
inline constexpr std::size_t kMetrics = 7;

struct MetricInfo {
  Metric metric;
  const char* name;
  const char* unit;      ///< of perfdata: "ms", "%" or none
  const char* warning;   ///< default range, or empty
  const char* critical;  ///< default range, or empty
  const char* what;      ///< for people
};
[[nodiscard]] const std::array<MetricInfo, kMetrics>& metric_table() noexcept;
[[nodiscard]] std::optional<Metric> metric_from(std::string_view name) noexcept;
/// Empty where it could not be measured.
[[nodiscard]] std::optional<double> value_of(Metric metric, const PairReading& reading) noexcept;

using Ranges = std::map<Metric, app::Range>;

}  // namespace camring::syncmon
