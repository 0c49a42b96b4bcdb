#include "av/image.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <new>

namespace camring::av {
namespace {

constexpr std::size_t kAlign = 64;
constexpr std::size_t kSpare = 64;

template <class Picture, class Byte>
Picture place(const FrameFormat& format, std::span<Byte> payload) {
  if (format.codec != Codec::raw || to_string(format.pixel_format) == "none" || format.size.width == 0 ||
      format.size.height == 0) {
    return {};
  }
  const auto extents = plane_extents(format.pixel_format, format.size);
  Picture picture;
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    const Plane& plane = format.planes[i];
    const std::uint64_t end =
        plane.offset_bytes + std::uint64_t{plane.stride_bytes} * (extents[i].rows - 1) + extents[i].row_bytes;
    if (i >= format.plane_count || plane.rows < extents[i].rows ||
        plane.stride_bytes < extents[i].row_bytes || plane.stride_bytes > INT32_MAX || end > payload.size()) {
      return {};
    }
    picture.data[i] = payload.data() + plane.offset_bytes;
    picture.stride_bytes[i] = static_cast<int>(plane.stride_bytes);
  }
  picture.pixel_format = format.pixel_format;
  picture.size = format.size;
  picture.colour = format.colour;
  return picture;
}

}  // namespace

ImageView ImageSpan::view() const noexcept {
  ImageView view{pixel_format, size, colour, {}, stride_bytes};
  std::copy(data.begin(), data.end(), view.data.begin());
  return view;
}

std::array<PlaneExtent, kMaxPlanes> plane_extents(PixelFormat pixels, Size size) {
  const FrameFormat tight = raw_format(pixels, size);
  std::array<PlaneExtent, kMaxPlanes> extents{};
  for (std::size_t i = 0; i < tight.plane_count; ++i)
    extents[i] = {tight.planes[i].stride_bytes, tight.planes[i].rows};
  return extents;
}

ImageView view_of(const FrameFormat& format, std::span<const std::uint8_t> payload) {
  return place<ImageView>(format, payload);
}

ImageSpan span_of(const FrameFormat& format, std::span<std::uint8_t> payload) {
  return place<ImageSpan>(format, payload);
}

bool full_range(PixelFormat pixels, const Colour& colour) noexcept {
  switch (pixels) {
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
    case PixelFormat::gray8:
      return true;
    default:
      return colour.range == 2;
  }
}

Colour jpeg_colour() noexcept {
  Colour colour;
  colour.range = 2;
  colour.matrix = 5;  // BT.470BG, the same numbers as BT.601
  return colour;
}

void copy_image(const ImageView& from, const ImageSpan& to) {
  const auto extents = plane_extents(from.pixel_format, from.size);
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    const auto row_bytes = static_cast<int>(extents[i].row_bytes);
    if (from.stride_bytes[i] == row_bytes && to.stride_bytes[i] == row_bytes) {
      std::memcpy(to.data[i], from.data[i], std::size_t{extents[i].row_bytes} * extents[i].rows);
      continue;
    }
    for (std::uint32_t row = 0; row < extents[i].rows; ++row) {
      std::memcpy(to.data[i] + std::ptrdiff_t{row} * to.stride_bytes[i],
                  from.data[i] + std::ptrdiff_t{row} * from.stride_bytes[i], extents[i].row_bytes);
    }
  }
}

void Image::Free::operator()(std::uint8_t* memory) const noexcept { std::free(memory); }

void Image::reshape(PixelFormat pixels, Size size, const Colour& colour) {
  const auto extents = plane_extents(pixels, size);
  std::array<std::size_t, kMaxPlanes> offsets{}, strides{};
  std::size_t total = 0;
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    strides[i] = (extents[i].row_bytes + kSpare + kAlign - 1) / kAlign * kAlign;
    offsets[i] = total;
    total += strides[i] * (extents[i].rows + 1);
  }
  if (total > capacity_) {
    memory_.reset(static_cast<std::uint8_t*>(std::aligned_alloc(kAlign, total)));
    capacity_ = memory_ ? total : 0;
    if (!memory_) throw std::bad_alloc();
  }
  span_ = {pixels, size, colour, {}, {}};
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    span_.data[i] = memory_.get() + offsets[i];
    span_.stride_bytes[i] = static_cast<int>(strides[i]);
  }
}

}  // namespace camring::av
