#include "av/repack.h"

#include <array>
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

// out = (in - zero) * (1 + gain / 512) + offset, rounded and clamped: within one of exact for every number.
struct Stretch {
  std::int16_t zero, gain, offset;
};
constexpr std::int16_t gain(int to, int from) {
  const int excess = 512 * (to - from);
  return static_cast<std::int16_t>((excess + (excess < 0 ? -from : from) / 2) / from);
}
constexpr Stretch kLumaToFull{16, gain(255, 219), 0}, kLumaToLimited{0, gain(219, 255), 16};
constexpr Stretch kChromaToFull{128, gain(255, 224), 128}, kChromaToLimited{128, gain(224, 255), 128};

// Eight samples at a time. All of it fits into 16 bits, which every machine's vectors multiply.
using Samples [[gnu::vector_size(8)]] = std::uint8_t;
using Lanes [[gnu::vector_size(16)]] = std::int16_t;
constexpr std::uint32_t kLanes = 8;

void stretch_lanes(std::uint8_t* samples, const Lanes& zero, const Lanes& gain,
                   const Lanes& offset) noexcept {
  Samples some;
  std::memcpy(&some, samples, kLanes);
  const Lanes wide = __builtin_convertvector(some, Lanes) - zero;
  const Lanes value = wide + ((wide * gain + 256) >> 9) + offset;
  const Lanes low = value < 0 ? Lanes{} : value;
  const Lanes clamped = low > 255 ? Lanes{} + 255 : low;
  some = __builtin_convertvector(clamped, Samples);
  std::memcpy(samples, &some, kLanes);
}

void stretch(std::uint8_t* samples, std::uint32_t count, const Stretch& by) noexcept {
  const Lanes zero = Lanes{} + by.zero, gain = Lanes{} + by.gain, offset = Lanes{} + by.offset;
  std::uint32_t x = 0;
  for (; x + kLanes <= count; x += kLanes) stretch_lanes(samples + x, zero, gain, offset);
  if (x == count) return;
  std::array<std::uint8_t, kLanes> rest{};
  std::memcpy(rest.data(), samples + x, count - x);
  stretch_lanes(rest.data(), zero, gain, offset);
  std::memcpy(samples + x, rest.data(), count - x);
}

}  // namespace

bool can_change_range(PixelFormat pixels) noexcept {
  return pixels == PixelFormat::i420 || pixels == PixelFormat::i422 || pixels == PixelFormat::i444 ||
         pixels == PixelFormat::nv12;
}

void change_range(const ImageSpan& picture, bool to_full) noexcept {
  const auto extents = plane_extents(picture.pixel_format, picture.size);
  for (std::size_t plane = 0; plane < kMaxPlanes; ++plane) {
    const Stretch& by =
        plane == 0 ? (to_full ? kLumaToFull : kLumaToLimited) : (to_full ? kChromaToFull : kChromaToLimited);
    for (std::uint32_t y = 0; y < extents[plane].rows; ++y) {
      stretch(picture.data[plane] + std::ptrdiff_t{y} * picture.stride_bytes[plane], extents[plane].row_bytes,
              by);
    }
  }
}

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
