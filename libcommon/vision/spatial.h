// What one picture's luma says of its quality: sharpness, brightness, contrast, noise, blockiness; all of it
// in one pass, so that a health check costs less than the frame's copy.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "vision/luma.h"
#include "vision/luma_pass.h"

namespace camring::vision {

/// All values are on the scale of full-range luma (0 to 255), whatever the picture's range: limited luma is
/// stretched by 255/219, so that thresholds hold for both.
struct SpatialStats {
  double sharpness =
      0;  ///< variance of the Laplacian (OpenCV: Laplacian(CV_64F) with ksize 1, default border)
  double brightness = 0;            ///< mean
  double contrast = 0;              ///< standard deviation
  double dark = 0;                  ///< share of samples at black (0; limited: 16 and below)
  double bright = 0;                ///< share of samples at white (255; limited: 235 and above)
  double p5 = 0, p50 = 0, p95 = 0;  ///< percentiles, from 128 to 255 of the picture's rows
  double immerkaer = 0;  ///< J. Immerkaer, "Fast Noise Variance Estimation" (1996): texture counts as noise
  double noise = 0;      ///< the same per block of 32x32, from the quiet quarter of the blocks
  double blockiness =
      1;  ///< steps at the borders of 8x8 blocks over steps elsewhere; 1 is none, and below 32x32
  [[nodiscard]] double range() const noexcept { return p95 - p5; }
};

/// Measures pictures; keeps its working memory. One thread at a time.
class SpatialMeter {
 public:
  /// @param luma any size from 1x1; an empty one gives zeros
  [[nodiscard]] SpatialStats measure(const LumaView& luma);

 private:
  void begin(std::uint32_t width);
  void look_along(const LumaView& luma, std::uint32_t y);
  void end_steps();
  void add_band(const LumaView& luma, std::uint32_t top, std::uint32_t rows);
  void keep_blocks(std::uint32_t columns, std::uint32_t rows);
  [[nodiscard]] double laplace_mean(const LumaView& luma) const;
  [[nodiscard]] double quiet_noise(double white);
  [[nodiscard]] double border_share(const std::vector<float>& steps, std::size_t count, float scale);
  [[nodiscard]] double blockiness();

  struct Block {
    float sigma, mean;
  };
  pass::Sums sums_;
  std::vector<pass::BlockSums> band_blocks_;
  std::vector<Block> blocks_;
  std::vector<float> sigmas_;
  std::vector<std::uint16_t> step_columns_;
  std::vector<std::uint8_t> zeros_;
  std::array<std::array<std::uint32_t, 256>, 4> histograms_{};
  std::vector<float> across_, down_, step_sizes_;  // steps to the next column and row
  std::uint64_t counted_ = 0, noise_ = 0;
  std::uint32_t step_rows_ = 0;
};

}  // namespace camring::vision
