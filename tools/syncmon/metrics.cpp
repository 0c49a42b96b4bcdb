#include "metrics.h"

#include <cstdlib>

namespace camring::syncmon {
namespace {

constexpr std::array<MetricInfo, kMetrics> kTable{{
    {Metric::offset, "offset", "ms", "", "", "offset"},
    {Metric::p95, "p95", "ms", "", "", "95 of 100 offsets within"},
    {Metric::max, "max", "ms", "", "", "largest offset"},
    {Metric::jitter, "jitter", "ms", "", "", "jitter"},
    {Metric::drift, "drift", "", "", "", "drift in ppm"},
    {Metric::missing, "missing", "%", "5", "50", "frames without a partner"},
    {Metric::violations, "violations", "", "", "", "pairs beyond the tolerance"},
}};

double ms(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }

}  // namespace

const std::array<MetricInfo, kMetrics>& metric_table() noexcept { return kTable; }

std::optional<Metric> metric_from(std::string_view name) noexcept {
  for (const MetricInfo& info : kTable) {
    if (name == info.name) return info.metric;
  }
  return {};
}

std::optional<double> value_of(Metric metric, const PairReading& reading) noexcept {
  if (metric == Metric::missing) return reading.missing_percent;
  if (reading.estimate.pairs == 0) return {};
  switch (metric) {
    case Metric::offset:
      return ms(reading.estimate.p50_ns);
    case Metric::p95:
      return ms(reading.estimate.p95_ns);
    case Metric::max:
      return ms(std::abs(reading.estimate.max_ns));
    case Metric::jitter:
      return ms(reading.estimate.jitter_ns);
    case Metric::drift:
      return reading.estimate.drift_ppm;
    default:
      return static_cast<double>(reading.violations);
  }
}

}  // namespace camring::syncmon
