#include "meter.h"

#include <algorithm>
#include <cmath>

namespace camring::framecheck {
namespace {

double median(std::vector<double>& values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

}  // namespace

void Meter::compare(const vision::LumaView& luma, const FrameInfo& info, Values& values) {
  const vision::TemporalStats change = temporal_.measure(luma);
  if (change.comparable && change.changed == 0) {
    if (reading_.equal_frames == 0) {
      reading_.equal_frames = 1;
      equal_since_ns_ = last_capture_ns_;
    }
    // Equal frames with equal times are one frame seen twice; time that runs backwards proves nothing.
    if (info.capture_ns > last_capture_ns_) ++reading_.equal_frames;
    reading_.equal_for =
        std::chrono::nanoseconds(std::max<std::int64_t>(0, info.capture_ns - equal_since_ns_));
  } else {
    reading_.equal_frames = 0;
    reading_.equal_for = {};
  }
  last_capture_ns_ = info.capture_ns;
  if (!change.comparable) return;
  values[Metric::temporal_noise] = change.noise;
  values[Metric::motion] = change.motion * 100;
}

void Meter::add(const av::ImageView& picture, const FrameInfo& info) {
  reading_.size = picture.size;
  reading_.frame_number = info.number;
  reading_.placeholder = info.placeholder();
  const vision::LumaView luma = luma_.luma(picture, region_);
  reading_.region_outside = luma.size.width == 0;
  if (reading_.region_outside) return;
  ++reading_.pictures;
  const vision::SpatialStats stats = spatial_.measure(luma);
  Sample sample{{}, stats.p5, stats.p95};
  Values& values = sample.values;
  values[Metric::sharpness] = stats.sharpness;
  values[Metric::brightness] = stats.brightness;
  values[Metric::contrast] = stats.contrast;
  values[Metric::range] = stats.range();
  values[Metric::dark] = stats.dark * 100;
  values[Metric::bright] = stats.bright * 100;
  values[Metric::noise] = stats.noise;
  values[Metric::blockiness] = stats.blockiness;
  if (const auto colour = vision::mean_colour(picture, region_))
    values[Metric::cast] = std::hypot(colour->blue, colour->red);
  compare(luma, info, values);
  window_.push_back(sample);
  if (window_.size() > samples_) window_.pop_front();
  summarise();
}

void Meter::take_back() {
  if (reading_.region_outside || window_.empty()) return;
  window_.pop_back();
  --reading_.pictures;
  temporal_.forget();
  reading_.equal_frames = 0;
  reading_.equal_for = {};
  if (!window_.empty()) return summarise();
  reading_.values = Values();
  reading_.p5 = reading_.p95 = 0;
}

void Meter::summarise() {
  std::vector<double> all;
  for (const MetricInfo& info : metric_table()) {
    all.clear();
    for (const Sample& sample : window_) {
      if (const auto& value = sample.values[info.metric]) all.push_back(*value);
    }
    reading_.values[info.metric] = all.empty() ? std::optional<double>{} : median(all);
  }
  all.clear();
  for (const Sample& sample : window_) all.push_back(sample.p5);
  reading_.p5 = median(all);
  all.clear();
  for (const Sample& sample : window_) all.push_back(sample.p95);
  reading_.p95 = median(all);
  reading_.values[Metric::score] = score_of(reading_.values);
}

}  // namespace camring::framecheck
