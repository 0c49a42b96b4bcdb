#include "av/repack.h"

#include <cstring>

namespace camring::av {
namespace {

// A constant count in the inner loops lets the compiler use vector shuffles at any optimisation level.
constexpr std::uint32_t kBlock = 32;

void split(const std::uint8_t* __restrict pairs, std::uint8_t* __restrict first,
           std::uint8_t* __restrict second, std::uint32_t count) noexcept {
  std::uint32_t x = 0;
  for (; x + kBlock <= count; x += kBlock) {
    for (std::uint32_t i = 0; i < kBlock; ++i) {
      first[x + i] = pairs[2 * (x + i)];
      second[x + i] = pairs[2 * (x + i) + 1];
    }
  }
  for (; x < count; ++x) {
    first[x] = pairs[2 * x];
    second[x] = pairs[2 * x + 1];
  }
}

void join(const std::uint8_t* __restrict first, const std::uint8_t* __restrict second,
          std::uint8_t* __restrict pairs, std::uint32_t count) noexcept {
  std::uint32_t x = 0;
  for (; x + kBlock <= count; x += kBlock) {
    for (std::uint32_t i = 0; i < kBlock; ++i) {
      pairs[2 * (x + i)] = first[x + i];
      pairs[2 * (x + i) + 1] = second[x + i];
    }
  }
  for (; x < count; ++x) {
    pairs[2 * x] = first[x];
    pairs[2 * x + 1] = second[x];
  }
}

}  // namespace

bool can_repack(PixelFormat from, PixelFormat to) noexcept {
  return (from == PixelFormat::nv12 && to == PixelFormat::i420) ||
         (from == PixelFormat::i420 && to == PixelFormat::nv12);
}

void repack(const ImageView& from, const ImageSpan& to) noexcept {
  for (std::uint32_t y = 0; y < from.size.height; ++y) {
    std::memcpy(to.data[0] + std::ptrdiff_t{y} * to.stride_bytes[0],
                from.data[0] + std::ptrdiff_t{y} * from.stride_bytes[0], from.size.width);
  }
  const std::uint32_t across = (from.size.width + 1) / 2;
  const std::uint32_t down = (from.size.height + 1) / 2;
  const auto row = [](const auto& picture, std::size_t plane, std::uint32_t y) {
    return picture.data[plane] + std::ptrdiff_t{y} * picture.stride_bytes[plane];
  };
  for (std::uint32_t y = 0; y < down; ++y) {
    if (from.pixel_format == PixelFormat::nv12)
      split(row(from, 1, y), row(to, 1, y), row(to, 2, y), across);
    else
      join(row(from, 1, y), row(from, 2, y), row(to, 1, y), across);
  }
}

void repeat_edges(const ImageSpan& picture) {
  const auto odd = plane_extents(picture.pixel_format, picture.size);
  const auto full = plane_extents(picture.pixel_format, even(picture.size));
  for (std::size_t i = 0; i < kMaxPlanes && odd[i].rows != 0; ++i) {
    const std::ptrdiff_t stride = picture.stride_bytes[i];
    const std::uint32_t used = odd[i].row_bytes;
    const std::uint32_t added = full[i].row_bytes - used;
    std::uint8_t* row = picture.data[i];
    for (std::uint32_t y = 0; y < odd[i].rows; ++y, row += stride) {
      if (added != 0) std::memcpy(row + used, row + used - added, added);
      if (picture.size.width % 2 == 0) continue;
      if (picture.pixel_format == PixelFormat::yuyv) row[used - 2] = row[used - 4];
      if (picture.pixel_format == PixelFormat::uyvy) row[used - 1] = row[used - 3];
    }
    if (full[i].rows > odd[i].rows) std::memcpy(row, row - stride, full[i].row_bytes);
  }
}

}  // namespace camring::av
