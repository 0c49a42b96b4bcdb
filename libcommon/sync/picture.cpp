#include "sync/picture.h"

namespace camring::sync {
namespace {

constexpr std::uint32_t kEvery = 8;

struct Layout {
  std::size_t first, step;
};

Layout layout_of(PixelFormat pixels) noexcept {
  switch (pixels) {
    case PixelFormat::yuyv:
      return {0, 2};
    case PixelFormat::uyvy:
      return {1, 2};
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
      return {1, 3};
    default:
      return {0, 1};
  }
}

}  // namespace

LumaPlane luma_plane(const FrameFormat& format, std::span<const std::uint8_t> payload) noexcept {
  const Plane& plane = format.planes[0];
  const Layout layout = layout_of(format.pixel_format);
  const std::size_t row = std::size_t{format.size.width} * layout.step;
  if (format.codec != Codec::raw || format.size.height == 0 || row == 0 || plane.stride_bytes < row)
    return {};
  const std::size_t bytes = std::size_t{plane.stride_bytes} * (format.size.height - 1) + row;
  if (plane.offset_bytes > payload.size() || payload.size() - plane.offset_bytes < bytes) return {};
  return {payload.subspan(plane.offset_bytes + layout.first, bytes - layout.first), plane.stride_bytes,
          layout.step, format.size};
}

std::optional<double> mean_luma(const LumaPlane& plane) noexcept {
  std::uint64_t sum = 0, count = 0;
  for (std::uint32_t y = code_height(plane.size.height); y < plane.size.height && !plane.samples.empty();
       y += kEvery) {
    const std::uint8_t* row = plane.samples.data() + std::size_t{y} * plane.stride_bytes;
    for (std::uint32_t x = 0; x < plane.size.width; x += kEvery) {
      sum += row[std::size_t{x} * plane.step];
      ++count;
    }
  }
  if (count == 0) return {};
  return static_cast<double>(sum) / static_cast<double>(count);
}

std::optional<PatternCode> code_in(const LumaPlane& plane) noexcept {
  if (plane.samples.empty()) return {};
  return read_code(plane.samples, plane.stride_bytes, plane.size, plane.step);
}

}  // namespace camring::sync
