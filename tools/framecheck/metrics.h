// The figures that framecheck knows, in one table: names, units, thresholds, weights and words.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace camring::framecheck {

enum class Metric : std::uint8_t {
  score,
  sharpness,
  brightness,
  contrast,
  range,
  dark,
  bright,
  noise,
  temporal_noise,
  motion,
  blockiness,
  cast,
  age,
  fps,
};
inline constexpr std::size_t kMetrics = 14;

struct MetricInfo {
  Metric metric;
  const char* name;
  const char* unit;      ///< of perfdata: "%", "s" or none
  const char* warning;   ///< default range, or empty
  const char* critical;  ///< default range, or empty
  const char* low;       ///< what a value that is too low may mean
  const char* high;
};
[[nodiscard]] const std::array<MetricInfo, kMetrics>& metric_table() noexcept;
[[nodiscard]] const MetricInfo& info_of(Metric metric) noexcept;
[[nodiscard]] std::optional<Metric> metric_from(std::string_view name) noexcept;

/// A value for each metric that could be measured.
class Values {
 public:
  [[nodiscard]] std::optional<double>& operator[](Metric metric) {
    return values_[static_cast<std::size_t>(metric)];
  }
  [[nodiscard]] const std::optional<double>& operator[](Metric metric) const {
    return values_[static_cast<std::size_t>(metric)];
  }

 private:
  std::array<std::optional<double>, kMetrics> values_{};
};

/// 0 to 1: the weighted mean of what each metric is worth. The weights are documented in framecheck(1).
[[nodiscard]] double score_of(const Values& values);

}  // namespace camring::framecheck
