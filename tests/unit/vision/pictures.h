// Pictures made for the tests of vision.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "vision/luma.h"

namespace camring::vision::test {

/// A plane with room beside its rows, so that a wrong stride shows.
struct Luma {
  explicit Luma(Size of, std::uint8_t value = 0)
      : size(of), stride(of.width + 7), bytes(std::size_t{of.height} * stride, value) {}
  [[nodiscard]] std::uint8_t& at(std::uint32_t x, std::uint32_t y) {
    return bytes[std::size_t{y} * stride + x];
  }
  [[nodiscard]] int get(std::uint32_t x, std::uint32_t y) const { return bytes[std::size_t{y} * stride + x]; }
  [[nodiscard]] LumaView view(bool full = true) const {
    return {bytes.data(), static_cast<std::ptrdiff_t>(stride), size, full};
  }
  Size size;
  std::uint32_t stride;
  std::vector<std::uint8_t> bytes;
};

inline Luma random_plane(Size size, unsigned seed) {
  Luma plane(size);
  std::mt19937 random(seed);
  for (auto& byte : plane.bytes) byte = static_cast<std::uint8_t>(random() & 255);
  return plane;
}

/// A smooth scene around mid grey with Gaussian noise of a known sigma.
inline Luma noisy_scene(Size size, double sigma, unsigned seed) {
  Luma plane(size);
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, sigma);
  for (std::uint32_t y = 0; y < size.height; ++y) {
    for (std::uint32_t x = 0; x < size.width; ++x) {
      const double scene =
          128 + 50 * std::sin(x * 0.01) * std::cos(y * 0.013) + ((x / 160 + y / 120) % 2) * 20;
      plane.at(x, y) = static_cast<std::uint8_t>(
          std::clamp(std::lround(scene + (sigma > 0 ? noise(random) : 0)), 0L, 255L));
    }
  }
  return plane;
}

}  // namespace camring::vision::test
