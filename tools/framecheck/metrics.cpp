#include "metrics.h"

#include <algorithm>
#include <cmath>

namespace camring::framecheck {
namespace {

constexpr std::array<MetricInfo, kMetrics> kTable{{
    {Metric::score, "score", "", "0.4:", "0.2:", "several figures are poor", ""},
    {Metric::sharpness, "sharpness", "", "15:", "4:", "lens dirty or out of focus?",
     "noise or interference?"},
    {Metric::brightness, "brightness", "", "30:225", "12:243",
     "too dark: light off, iris closed or exposure stuck?", "too bright: overexposed, or a lamp shines in?"},
    {Metric::contrast, "contrast", "",
     "12:", "5:", "washed out: fog, condensation or something before the lens?", "lights in the dark?"},
    {Metric::range, "range", "", "", "", "washed out: fog, condensation or something before the lens?", ""},
    {Metric::dark, "dark", "%", "50", "90", "", "much of it is black: something before the lens?"},
    {Metric::bright, "bright", "%", "40", "80", "", "much of it is white: overexposed?"},
    {Metric::noise, "noise", "", "12", "25", "", "too little light, or the gain too high?"},
    {Metric::temporal_noise, "temporal_noise", "", "15", "30", "",
     "too little light, or a disturbed signal?"},
    {Metric::motion, "motion", "%", "", "", "", "the camera shakes or was turned?"},
    {Metric::blockiness, "blockiness", "", "1.8", "", "", "compressed too hard, or data lost on the way?"},
    {Metric::cast, "cast", "", "40", "80", "", "white balance wrong, or an infrared filter stuck?"},
    {Metric::age, "age", "s", "", "", "", "no new frame"},
    {Metric::fps, "fps", "", "", "", "frames are lost, or the exposure is too long?", "is the rate right?"},
}};

double ramp(double value, double zero, double one) {
  return std::clamp((value - zero) / (one - zero), 0.0, 1.0);
}

}  // namespace

const std::array<MetricInfo, kMetrics>& metric_table() noexcept { return kTable; }
const MetricInfo& info_of(Metric metric) noexcept { return kTable[static_cast<std::size_t>(metric)]; }

std::optional<Metric> metric_from(std::string_view name) noexcept {
  for (const MetricInfo& info : kTable) {
    if (name == info.name) return info.metric;
  }
  return {};
}

double score_of(const Values& values) {
  double sum = 0, weights = 0;
  const auto add = [&](double weight, double worth) {
    sum += weight * worth;
    weights += weight;
  };
  if (const auto& v = values[Metric::sharpness])
    add(0.30, ramp(std::log10(*v + 1), std::log10(4.0), std::log10(60.0)));
  if (const auto& v = values[Metric::brightness]) {
    const double clipped = (values[Metric::dark].value_or(0) + values[Metric::bright].value_or(0)) / 100;
    add(0.25, std::min(ramp(*v, 10, 60), ramp(*v, 245, 195)) * ramp(clipped, 0.9, 0.25));
  }
  if (const auto& v = values[Metric::contrast]) add(0.20, ramp(*v, 4, 30));
  if (const auto& v = values[Metric::noise]) add(0.15, ramp(*v, 25, 4));
  if (const auto& v = values[Metric::blockiness]) add(0.05, ramp(*v, 5, 1.5));
  if (const auto& v = values[Metric::cast]) add(0.05, ramp(*v, 80, 20));
  return weights == 0 ? 0 : sum / weights;
}

}  // namespace camring::framecheck
