// A raw picture in memory: where its planes are and what their numbers mean. Lets a ring's payload, a
// decoder's frame and a buffer of our own be read by the same code without a copy.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "frame/format.h"

namespace camring::av {

/// A picture to read; owns nothing and lives as long as the bytes it points to. Strides may exceed the rows.
struct ImageView {
  PixelFormat pixel_format = PixelFormat::none;
  Size size;
  Colour colour;
  std::array<const std::uint8_t*, kMaxPlanes> data{};
  std::array<int, kMaxPlanes> stride_bytes{};
  [[nodiscard]] explicit operator bool() const noexcept { return pixel_format != PixelFormat::none; }
};

/// A picture to fill; owns nothing.
struct ImageSpan {
  PixelFormat pixel_format = PixelFormat::none;
  Size size;
  Colour colour;
  std::array<std::uint8_t*, kMaxPlanes> data{};
  std::array<int, kMaxPlanes> stride_bytes{};
  [[nodiscard]] explicit operator bool() const noexcept { return pixel_format != PixelFormat::none; }
  [[nodiscard]] ImageView view() const noexcept;
};

/// The bytes that one row of a plane uses and the rows it has; an empty plane where there is none.
struct PlaneExtent {
  std::uint32_t row_bytes = 0;
  std::uint32_t rows = 0;
};
[[nodiscard]] std::array<PlaneExtent, kMaxPlanes> plane_extents(PixelFormat pixels, Size size);

/// The picture in a raw frame's bytes. Empty when the format is not raw, its planes do not hold such a
/// picture or reach beyond `payload`: a format from a ring is foreign data.
[[nodiscard]] ImageView view_of(const FrameFormat& format, std::span<const std::uint8_t> payload);
[[nodiscard]] ImageSpan span_of(const FrameFormat& format, std::span<std::uint8_t> payload);

/// What the numbers mean: true for 0..255 ("full"), false for 16..235 ("limited"). RGB and GRAY8 are always
/// full, other raw video is limited unless it says otherwise (as FFmpeg, GStreamer and V4L2 take it).
[[nodiscard]] bool full_range(PixelFormat pixels, const Colour& colour) noexcept;

/// The colour of pictures inside JPEG files: full range, BT.601 matrix (JFIF 1.02, "Color space").
[[nodiscard]] Colour jpeg_colour() noexcept;

/// Copies pixels between pictures of the same format and size; no conversion.
void copy_image(const ImageView& from, const ImageSpan& to);

/// A picture with memory of its own. Rows start on 64-byte borders and there are spare columns and rows, so
/// that SIMD code and JPEG's whole blocks may read and write a little beyond the picture.
class Image {
 public:
  /// Makes room for such a picture; allocates only when it needs more than ever before. The pixels are
  /// undefined.
  void reshape(PixelFormat pixels, Size size, const Colour& colour);
  void set_colour(const Colour& colour) noexcept { span_.colour = colour; }
  [[nodiscard]] const ImageSpan& span() noexcept { return span_; }
  [[nodiscard]] ImageView view() const noexcept { return span_.view(); }

 private:
  struct Free {
    void operator()(std::uint8_t* memory) const noexcept;
  };
  std::unique_ptr<std::uint8_t, Free> memory_;
  std::size_t capacity_ = 0;
  ImageSpan span_;
};

}  // namespace camring::av
