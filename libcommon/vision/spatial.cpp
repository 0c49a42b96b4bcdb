#include "vision/spatial.h"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "vision/luma_pass.h"

namespace camring::vision {
namespace {

constexpr std::uint32_t kBlock = 32;
constexpr std::uint32_t kStepRows = 4;         // every fourth row shows where 8x8 blocks meet
constexpr std::uint32_t kHistogramRows = 128;  // at least so many where the picture has them
constexpr double kQuietShare = 0.25;
// The quarter's border lies below the mean: by 0.67 standard deviations, and those are 4.6 % in a block of
// 32x32.
constexpr double kQuietBias = 1.03;
constexpr double kSmallStep = 0.05;  // below this, steps say nothing about blocks

// |mask| of white noise with sigma 1 has the mean 6 * sqrt(2 / pi) (Immerkaer, equation 5).
double sigma_of(double mean_answer) { return std::sqrt(std::numbers::pi / 2) / 6 * mean_answer; }

double percentile(const std::array<std::uint32_t, 256>& histogram, std::uint64_t total, double share) {
  const double wanted = share * static_cast<double>(total);
  double seen = 0;
  for (std::size_t value = 0; value < histogram.size(); ++value) {
    seen += histogram[value];
    if (seen >= wanted && seen > 0) return static_cast<double>(value);
  }
  return 0;
}

double border_share(const std::array<double, 8>& steps) {
  auto sorted = steps;
  std::sort(sorted.begin(), sorted.end());
  const double usual = (sorted[3] + sorted[4]) / 2;
  return (sorted[7] + kSmallStep) / (usual + kSmallStep);
}

}  // namespace

void SpatialMeter::begin(std::uint32_t width) {
  noise_columns_.assign(width, 0);
  step_columns_.assign(width, 0);
  zeros_.assign(kBlock, 0);
  scratch_.resize(std::size_t{width} * 2);
  blocks_.clear();
  for (auto& histogram : histograms_) histogram.fill(0);
  across_.fill(0);
  down_.fill(0);
  noise_sum_ = 0;
}

void SpatialMeter::count(const LumaView& luma, std::uint32_t y) {
  const std::uint8_t* row = luma.row(y);
  std::uint32_t x = 0;
  for (; x + 4 <= luma.size.width; x += 4) {  // four tables: equal neighbours don't wait for each other
    ++histograms_[0][row[x]];
    ++histograms_[1][row[x + 1]];
    ++histograms_[2][row[x + 2]];
    ++histograms_[3][row[x + 3]];
  }
  for (; x < luma.size.width; ++x) ++histograms_[0][row[x]];
}

// Turns the columns of up to 32 rows into blocks.
void SpatialMeter::end_band(const LumaView& luma, std::uint32_t top, std::uint32_t rows) {
  const std::uint32_t end = luma.size.width - 1;
  const std::uint8_t* middle = luma.row(top + rows / 2);
  for (std::uint32_t x = 1; x < end; x += kBlock) {
    const std::uint32_t columns = std::min(kBlock, end - x);
    std::uint32_t sum = 0;
    for (std::uint32_t i = 0; i < columns; ++i) sum += noise_columns_[x + i];
    noise_sum_ += sum;
    if (columns < kBlock / 2 && !blocks_.empty()) continue;  // too few samples to be judged alone
    const auto mean = static_cast<double>(pass::functions().rows_differ(middle + x, zeros_.data(), columns));
    blocks_.push_back({static_cast<float>(sigma_of(static_cast<double>(sum) / (columns * rows))),
                       static_cast<float>(mean / columns)});
  }
  std::fill(noise_columns_.begin(), noise_columns_.end(), std::uint16_t{0});
}

// Blocks of sky or floor show noise, others show texture too; blocks where noise is cut off at black or white
// show less than there is.
double SpatialMeter::quiet_noise(double white) {
  sigmas_.clear();
  for (const Block& block : blocks_) {
    const double margin = std::max(3.0 * static_cast<double>(block.sigma), 2.0);
    if (static_cast<double>(block.mean) >= margin && static_cast<double>(block.mean) <= white - margin)
      sigmas_.push_back(block.sigma);
  }
  if (sigmas_.size() < 4) {
    sigmas_.clear();
    for (const Block& block : blocks_) sigmas_.push_back(block.sigma);
  }
  if (sigmas_.empty()) return 0;
  const auto quiet =
      sigmas_.begin() + static_cast<std::ptrdiff_t>(kQuietShare * static_cast<double>(sigmas_.size()));
  std::nth_element(sigmas_.begin(), quiet, sigmas_.end());
  return static_cast<double>(*quiet) * kQuietBias;
}

double SpatialMeter::blockiness() const { return (border_share(across_) + border_share(down_)) / 2; }

SpatialStats SpatialMeter::measure(const LumaView& luma) {
  SpatialStats stats;
  const auto [width, height] = luma.size;
  if (width == 0 || height == 0) return stats;
  begin(width);
  const pass::Functions& run = pass::functions();
  const std::uint32_t histogram_step = std::max(1u, height / kHistogramRows);
  std::array<double, 8> rows_at{};
  std::uint64_t counted = 0;
  std::uint32_t step_rows = 0, band = 0;
  pass::RowSums sums;
  pass::Row row{};
  row.width = width;
  row.scratch = scratch_.data();
  row.dark = luma.full_range ? 0 : 16;
  row.bright = luma.full_range ? 255 : 235;
  const auto end_steps = [&] {
    for (std::uint32_t x = 0; x + 1 < width; ++x) across_[(x + 1) % 8] += step_columns_[x];
    std::fill(step_columns_.begin(), step_columns_.end(), std::uint16_t{0});
  };
  for (std::uint32_t y = 0; y < height; ++y) {
    const bool inside = y > 0 && y + 1 < height;
    row.row = luma.row(y);
    row.above = height == 1 ? row.row : luma.row(y == 0 ? 1 : y - 1);
    row.below = height == 1 ? row.row : luma.row(y + 1 == height ? y - 1 : y + 1);
    row.noise = inside && width > 2 ? noise_columns_.data() : nullptr;
    run.row(row, sums);
    if (row.noise != nullptr && ++band == pass::kBandRows) {
      end_band(luma, y + 1 - band, band);
      band = 0;
    }
    if (y % histogram_step == 0) {
      count(luma, y);
      counted += width;
    }
    if (y > 0) {
      down_[y % 8] += static_cast<double>(run.rows_differ(row.row, row.above, width));
      rows_at[y % 8] += width;
    }
    if (y % kStepRows == 0 && width > 1) {
      run.steps(row.row, step_columns_.data(), width - 1);
      if (++step_rows % 256 == 0) end_steps();
    }
  }
  if (band != 0) end_band(luma, height - 1 - band, band);
  end_steps();

  const double total = static_cast<double>(width) * height;
  const double scale = luma.full_range ? 1.0 : 255.0 / 219.0;
  const double mean = static_cast<double>(sums.sum) / total;
  const double laplace_mean = static_cast<double>(sums.laplace) / total;
  stats.sharpness =
      (static_cast<double>(sums.laplace_squares) / total - laplace_mean * laplace_mean) * scale * scale;
  stats.contrast = std::sqrt(std::max(0.0, static_cast<double>(sums.squares) / total - mean * mean)) * scale;
  const double black = luma.full_range ? 0 : 16;
  const auto level = [&](double value) { return std::clamp((value - black) * scale, 0.0, 255.0); };
  stats.brightness = level(mean);
  stats.dark = static_cast<double>(sums.dark) / total;
  stats.bright = static_cast<double>(sums.bright) / total;
  for (std::size_t i = 1; i < histograms_.size(); ++i) {
    for (std::size_t value = 0; value < 256; ++value) histograms_[0][value] += histograms_[i][value];
  }
  stats.p5 = level(percentile(histograms_[0], counted, 0.05));
  stats.p50 = level(percentile(histograms_[0], counted, 0.50));
  stats.p95 = level(percentile(histograms_[0], counted, 0.95));
  if (width > 2 && height > 2) {
    stats.immerkaer = sigma_of(noise_sum_ / ((width - 2.0) * (height - 2.0))) * scale;
    stats.noise = quiet_noise(255) * scale;
  }
  if (width >= 32 && height >= 32) {
    for (std::size_t i = 0; i < 8; ++i) {
      // Columns whose left neighbour is in another block of eight, over all rows that were looked at.
      const double columns = std::floor((width - 1.0 + 7.0 - static_cast<double>((i + 7) % 8)) / 8);
      across_[i] /= std::max(1.0, columns * step_rows);
      down_[i] /= std::max(1.0, rows_at[i]);
    }
    stats.blockiness = blockiness();
  }
  return stats;
}

}  // namespace camring::vision
