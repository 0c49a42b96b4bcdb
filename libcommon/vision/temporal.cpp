#include "vision/temporal.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "vision/luma_pass.h"

namespace camring::vision {
namespace {

constexpr std::uint32_t kBlock = 32;
// A block moves when it changes by three times what the quiet blocks change by, and visibly.
constexpr double kMotionFactor = 3, kMotionLeast = 4;

}  // namespace

TemporalStats TemporalMeter::measure(const LumaView& luma) {
  TemporalStats stats;
  const auto [width, height] = luma.size;
  stats.comparable = luma.size == size_ && width != 0;
  if (stats.comparable) {
    const double scale = luma.full_range ? 1.0 : 255.0 / 219.0;
    std::uint64_t changed = 0;
    deviations_.clear();
    for (std::uint32_t top = 0; top < height; top += kBlock) {
      const std::uint32_t rows = std::min(kBlock, height - top);
      for (std::uint32_t left = 0; left < width; left += kBlock) {
        const std::uint32_t columns = std::min(kBlock, width - left);
        pass::Difference difference;
        for (std::uint32_t y = top; y < top + rows; ++y) {
          pass::functions().differ(luma.row(y) + left, before_.data() + std::size_t{y} * width + left,
                                   columns, difference);
        }
        changed += difference.changed;
        const double count = static_cast<double>(rows) * columns;
        const double mean = difference.sum / count;  // a lamp that flickers is no noise
        const double variance = std::max(0.0, difference.squares / count - mean * mean);
        deviations_.push_back(static_cast<float>(std::sqrt(variance) * scale));
      }
    }
    stats.changed = static_cast<double>(changed) / (static_cast<double>(width) * height);
    sorted_ = deviations_;
    const auto quiet = sorted_.begin() + static_cast<std::ptrdiff_t>(sorted_.size() / 4);
    std::nth_element(sorted_.begin(), quiet, sorted_.end());
    const double usual = static_cast<double>(*quiet);
    stats.noise = usual / std::sqrt(2.0);  // the difference has the noise of two pictures
    const double limit = std::max(kMotionFactor * usual, kMotionLeast);
    const auto moving = std::count_if(deviations_.begin(), deviations_.end(),
                                      [&](float value) { return static_cast<double>(value) > limit; });
    stats.motion = static_cast<double>(moving) / static_cast<double>(deviations_.size());
  }
  before_.resize(std::size_t{width} * height);
  for (std::uint32_t y = 0; y < height; ++y)
    std::memcpy(before_.data() + std::size_t{y} * width, luma.row(y), width);
  size_ = luma.size;
  return stats;
}

}  // namespace camring::vision
