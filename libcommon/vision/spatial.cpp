#include "vision/spatial.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "vision/luma_pass.h"

namespace camring::vision {
namespace {

constexpr std::uint32_t kStepRows = 4;         // every fourth row shows where 8x8 blocks meet
constexpr std::uint32_t kHistogramRows = 128;  // at least so many where the picture has them
constexpr double kQuietShare = 0.25;
// The quarter's border lies below the mean: by 0.67 standard deviations, and those are 4.6 % in a block of
// 32x32.
constexpr double kQuietBias = 1.03;
constexpr double kUnseenStep = 0.5;  // grey levels: smaller steps say little about blocks

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

// The mean of the columns (or rows) ranked from a tenth to six tenths: a drawing's edges and a clock in the
// picture step far at a few columns, blocks step at most of theirs.
double usual_step(std::vector<float>& steps) {
  const auto rank = [&](double share) {
    return steps.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(steps.size()));
  };
  const auto low = rank(0.1), high = std::max(rank(0.6), low + 1);
  std::nth_element(steps.begin(), low, steps.end());
  std::nth_element(low, high - 1, steps.end());
  return std::accumulate(low, high, 0.0) / static_cast<double>(high - low);
}

}  // namespace

void SpatialMeter::begin(std::uint32_t width) {
  sums_ = {};
  band_blocks_.resize(pass::blocks_across(width));
  blocks_.clear();
  step_columns_.assign(width, 0);
  zeros_.assign(width, 0);
  for (auto& histogram : histograms_) histogram.fill(0);
  across_.assign(width, 0);
  down_.clear();
  counted_ = noise_ = 0;
  step_rows_ = 0;
}

// What needs a row and the one above. Reading along the rows also brings a band into the cache before
// add_band() reads it in narrow strips.
void SpatialMeter::look_along(const LumaView& luma, std::uint32_t y) {
  const pass::Functions& run = pass::functions();
  const auto [width, height] = luma.size;
  const std::uint8_t* row = luma.row(y);
  if (y > 0)
    down_.push_back(static_cast<float>(run.rows_differ(row, luma.row(y - 1), width)) /
                    static_cast<float>(width));
  if (y % kStepRows == 0 && width > 1) {
    run.steps(row, step_columns_.data(), width - 1);
    if (++step_rows_ % 256 == 0) end_steps();
  }
  if (y % std::max(1u, height / kHistogramRows) != 0) return;
  counted_ += width;
  std::uint32_t x = 0;
  for (; x + 4 <= width; x += 4) {  // four tables: equal neighbours don't wait for each other
    ++histograms_[0][row[x]];
    ++histograms_[1][row[x + 1]];
    ++histograms_[2][row[x + 2]];
    ++histograms_[3][row[x + 3]];
  }
  for (; x < width; ++x) ++histograms_[0][row[x]];
}

void SpatialMeter::end_steps() {
  for (std::size_t x = 0; x < step_columns_.size(); ++x) across_[x] += step_columns_[x];
  std::fill(step_columns_.begin(), step_columns_.end(), std::uint16_t{0});
}

void SpatialMeter::add_band(const LumaView& luma, std::uint32_t top, std::uint32_t rows) {
  const auto [width, height] = luma.size;
  const std::uint32_t after = top + rows;
  std::fill(band_blocks_.begin(), band_blocks_.end(), pass::BlockSums{});
  pass::Band band{};
  band.first = luma.row(top);
  band.above = height == 1 ? band.first : luma.row(top == 0 ? 1 : top - 1);
  band.below = height == 1 ? band.first : luma.row(after == height ? height - 2 : after);
  band.stride = luma.stride_bytes;
  band.rows = rows;
  band.width = width;
  band.dark = luma.full_range ? 0 : 16;
  band.bright = luma.full_range ? 255 : 235;
  band.blocks = band_blocks_.data();
  pass::functions().band(band, sums_);
}

void SpatialMeter::keep_blocks(std::uint32_t columns, std::uint32_t rows) {
  for (const pass::BlockSums& block : band_blocks_) {
    const std::uint32_t across = std::min(pass::kBlockColumns, columns);
    columns -= across;
    noise_ += block.noise;
    if (across < pass::kBlockColumns / 2 && !blocks_.empty()) continue;  // too few samples to be judged alone
    const double samples = static_cast<double>(across) * rows;
    blocks_.push_back(
        {static_cast<float>(sigma_of(block.noise / samples)), static_cast<float>(block.sum / samples)});
  }
}

// The mean of the Laplacian's answers. Their sum is what the reflected border leaves of it: inside, each
// sample is added four times and taken away four times.
double SpatialMeter::laplace_mean(const LumaView& luma) const {
  const auto [width, height] = luma.size;
  std::int64_t sum = 0;
  for (std::uint32_t y = 0; y < height && width > 1; ++y) {
    const std::uint8_t* row = luma.row(y);
    sum += row[1] - row[0] + row[width - 2] - row[width - 1];
  }
  const auto row_sum = [&](std::uint32_t y) {
    return static_cast<std::int64_t>(
        pass::functions().rows_differ(luma.row(y), zeros_.data(), luma.size.width));
  };
  if (height > 1) sum += row_sum(1) - row_sum(0) + row_sum(height - 2) - row_sum(height - 1);
  return static_cast<double>(sum) / (static_cast<double>(width) * height);
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

// How far the steps at one of the eight places of a grid stand out.
double SpatialMeter::border_share(const std::vector<float>& steps, std::size_t count, float scale) {
  std::array<double, 8> places{};
  for (std::size_t place = 0; place < places.size(); ++place) {
    step_sizes_.clear();
    for (std::size_t i = place; i < count; i += places.size()) step_sizes_.push_back(steps[i] * scale);
    places[place] = usual_step(step_sizes_);
  }
  std::sort(places.begin(), places.end());
  const double usual = (places[3] + places[4]) / 2;
  return (places[7] + kUnseenStep) / (usual + kUnseenStep);
}

// Blocks have borders both ways; a fence has them one way.
double SpatialMeter::blockiness() {
  return std::min(border_share(across_, across_.size() - 1, 1 / static_cast<float>(step_rows_)),
                  border_share(down_, down_.size(), 1));
}

SpatialStats SpatialMeter::measure(const LumaView& luma) {
  SpatialStats stats;
  const auto [width, height] = luma.size;
  if (width == 0 || height == 0) return stats;
  begin(width);
  for (std::uint32_t y = 0; y < height;) {
    const bool border = y == 0 || y + 1 == height;
    const std::uint32_t rows = border ? 1 : std::min(pass::kBandRows, height - 1 - y);
    for (std::uint32_t i = 0; i < rows; ++i) look_along(luma, y + i);
    add_band(luma, y, rows);
    if (!border && width > 2) keep_blocks(width - 2, rows);
    y += rows;
  }
  end_steps();

  const double total = static_cast<double>(width) * height;
  const double scale = luma.full_range ? 1.0 : 255.0 / 219.0;
  const double mean = static_cast<double>(sums_.sum) / total;
  const double laplace = laplace_mean(luma);
  stats.sharpness = (static_cast<double>(sums_.laplace_squares) / total - laplace * laplace) * scale * scale;
  stats.contrast = std::sqrt(std::max(0.0, static_cast<double>(sums_.squares) / total - mean * mean)) * scale;
  const double black = luma.full_range ? 0 : 16;
  const auto level = [&](double value) { return std::clamp((value - black) * scale, 0.0, 255.0); };
  stats.brightness = level(mean);
  stats.dark = static_cast<double>(sums_.dark) / total;
  stats.bright = static_cast<double>(sums_.bright) / total;
  for (std::size_t i = 1; i < histograms_.size(); ++i) {
    for (std::size_t value = 0; value < 256; ++value) histograms_[0][value] += histograms_[i][value];
  }
  stats.p5 = level(percentile(histograms_[0], counted_, 0.05));
  stats.p50 = level(percentile(histograms_[0], counted_, 0.50));
  stats.p95 = level(percentile(histograms_[0], counted_, 0.95));
  if (width > 2 && height > 2) {
    stats.immerkaer = sigma_of(static_cast<double>(noise_) / ((width - 2.0) * (height - 2.0))) * scale;
    stats.noise = quiet_noise(255) * scale;
  }
  if (width >= 32 && height >= 32) stats.blockiness = blockiness();
  return stats;
}

}  // namespace camring::vision
