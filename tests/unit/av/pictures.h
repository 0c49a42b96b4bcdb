// Pictures for the tests of the av room: flat ones, a busy one that survives scaling, and how far two are
// apart.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "av/image.h"

namespace camring::av::test {

/// Fills each plane's samples with one number; for interleaved formats the numbers alternate as the format
/// does.
inline void fill(const ImageSpan& picture, std::vector<std::vector<std::uint8_t>> pattern) {
  const auto extents = plane_extents(picture.pixel_format, picture.size);
  for (std::size_t i = 0; i < pattern.size(); ++i) {
    for (std::uint32_t y = 0; y < extents[i].rows; ++y) {
      std::uint8_t* row = picture.data[i] + std::ptrdiff_t{y} * picture.stride_bytes[i];
      for (std::uint32_t x = 0; x < extents[i].row_bytes; ++x) row[x] = pattern[i][x % pattern[i].size()];
    }
  }
}

/// Smooth waves in every plane, within limited range.
inline void waves(const ImageSpan& picture) {
  const auto extents = plane_extents(picture.pixel_format, picture.size);
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    for (std::uint32_t y = 0; y < extents[i].rows; ++y) {
      std::uint8_t* row = picture.data[i] + std::ptrdiff_t{y} * picture.stride_bytes[i];
      for (std::uint32_t x = 0; x < extents[i].row_bytes; ++x) {
        const double across = double(x) / extents[i].row_bytes, down = double(y) / extents[i].rows;
        row[x] =
            static_cast<std::uint8_t>(126 + 80 * std::sin(9 * across + 2 * double(i)) * std::cos(7 * down));
      }
    }
  }
}

/// The bytes of a row that belong to the picture: the last group of four in yuyv and uyvy holds a spare
/// sample where the width is odd.
inline bool belongs(const ImageView& picture, std::uint32_t x) {
  if (picture.size.width % 2 == 0) return true;
  if (picture.pixel_format == PixelFormat::yuyv) return x / 2 < picture.size.width || x % 2 == 1;
  if (picture.pixel_format == PixelFormat::uyvy) return x / 2 < picture.size.width || x % 2 == 0;
  return true;
}

/// The largest difference of two pictures of the same format and size.
inline int distance(const ImageView& a, const ImageView& b) {
  int worst = 0;
  const auto extents = plane_extents(a.pixel_format, a.size);
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    for (std::uint32_t y = 0; y < extents[i].rows; ++y) {
      const std::uint8_t* p = a.data[i] + std::ptrdiff_t{y} * a.stride_bytes[i];
      const std::uint8_t* q = b.data[i] + std::ptrdiff_t{y} * b.stride_bytes[i];
      for (std::uint32_t x = 0; x < extents[i].row_bytes; ++x) {
        if (belongs(a, x)) worst = std::max(worst, std::abs(p[x] - q[x]));
      }
    }
  }
  return worst;
}

/// Every sample of a plane lies within `tolerance` of `value`.
inline bool flat(const ImageView& picture, std::size_t plane, int value, int tolerance,
                 std::uint32_t step = 1, std::uint32_t first = 0) {
  const auto extent = plane_extents(picture.pixel_format, picture.size)[plane];
  for (std::uint32_t y = 0; y < extent.rows; ++y) {
    const std::uint8_t* row = picture.data[plane] + std::ptrdiff_t{y} * picture.stride_bytes[plane];
    for (std::uint32_t x = first; x < extent.row_bytes; x += step) {
      if (belongs(picture, x) && std::abs(row[x] - value) > tolerance) return false;
    }
  }
  return extent.rows != 0;
}

inline Colour colour(std::uint8_t range, std::uint8_t matrix = 2) {
  Colour result;
  result.range = range;
  result.matrix = matrix;
  return result;
}

inline constexpr PixelFormat kAllFormats[] = {PixelFormat::i420,  PixelFormat::i422,  PixelFormat::i444,
                                              PixelFormat::nv12,  PixelFormat::yuyv,  PixelFormat::uyvy,
                                              PixelFormat::rgb24, PixelFormat::bgr24, PixelFormat::gray8};

}  // namespace camring::av::test
