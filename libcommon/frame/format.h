// What a frame is: codec, pixel format, geometry, colour, rate. No I/O; every tool speaks these types.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/units.h"

namespace camring {

/// How a frame's bytes are coded. The numbers are part of the ring's ABI (camring-ring(5)).
enum class Codec : std::uint32_t {
  none = 0,
  raw = 1,    ///< planes of pixels, as PixelFormat and the planes say
  mjpeg = 2,  ///< one complete JPEG image a frame
  h264 = 3,   ///< one access unit a frame, Annex B start codes, ITU-T H.264
  hevc = 4,   ///< one access unit a frame, Annex B start codes, ITU-T H.265
};

/// H.264 and HEVC: frames build on those before them.
[[nodiscard]] constexpr bool is_video(Codec codec) noexcept {
  return codec == Codec::h264 || codec == Codec::hevc;
}

[[nodiscard]] constexpr std::uint32_t fourcc(char a, char b, char c, char d) noexcept {
  return static_cast<std::uint32_t>(static_cast<unsigned char>(a)) |
         static_cast<std::uint32_t>(static_cast<unsigned char>(b)) << 8 |
         static_cast<std::uint32_t>(static_cast<unsigned char>(c)) << 16 |
         static_cast<std::uint32_t>(static_cast<unsigned char>(d)) << 24;
}

/// Pixel formats of raw frames, numbered as V4L2 numbers them (linux/videodev2.h), so that a camera's own
/// format needs no table. Part of the ring's ABI.
enum class PixelFormat : std::uint32_t {
  none = 0,
  i420 = fourcc('Y', 'U', '1', '2'),   ///< 3 planes: Y, U, V; chroma halved both ways
  i422 = fourcc('4', '2', '2', 'P'),   ///< 3 planes: Y, U, V; chroma halved across
  i444 = fourcc('4', '4', '4', 'P'),   ///< 3 planes: Y, U, V (no V4L2 name)
  nv12 = fourcc('N', 'V', '1', '2'),   ///< 2 planes: Y, UV interleaved; chroma halved both ways
  yuyv = fourcc('Y', 'U', 'Y', 'V'),   ///< 1 plane, Y0 U Y1 V
  uyvy = fourcc('U', 'Y', 'V', 'Y'),   ///< 1 plane, U Y0 V Y1
  rgb24 = fourcc('R', 'G', 'B', '3'),  ///< 1 plane, R G B
  bgr24 = fourcc('B', 'G', 'R', '3'),  ///< 1 plane, B G R
  gray8 = fourcc('G', 'R', 'E', 'Y'),  ///< 1 plane, Y
};

inline constexpr std::size_t kMaxPlanes = 4;
inline constexpr std::size_t kMaxExtradata = 4096;
inline constexpr std::uint32_t kMaxSide = 65536;  ///< pixels of a width or height in a ring

/// One plane inside a raw frame's bytes.
struct Plane {
  std::uint32_t offset_bytes = 0;  ///< from the start of the payload
  std::uint32_t stride_bytes = 0;  ///< from one row to the next
  std::uint32_t rows = 0;
  friend bool operator==(const Plane&, const Plane&) = default;
};

/// Colour as ITU-T H.273 numbers it (the same as AVCOL_*): 0 or 2 is unspecified.
struct Colour {
  std::uint8_t range = 0;  ///< 0 unspecified, 1 limited ("video"), 2 full ("JPEG"): as AVColorRange
  std::uint8_t primaries = 2;
  std::uint8_t transfer = 2;
  std::uint8_t matrix = 2;
  friend bool operator==(const Colour&, const Colour&) = default;
};

/// Everything that is the same for all frames of one ring generation.
struct FrameFormat {
  Codec codec = Codec::none;
  PixelFormat pixel_format = PixelFormat::none;  ///< raw only
  Size size;
  Rate rate;                               ///< nominal; num 0 where unknown
  std::uint32_t plane_count = 0;           ///< raw only
  std::array<Plane, kMaxPlanes> planes{};  ///< raw only
  Colour colour;
  std::vector<std::uint8_t> extradata;  ///< H.264/HEVC: parameter sets, Annex B; at most kMaxExtradata

  /// Bytes of one raw frame (end of the last plane); 0 for compressed ones.
  [[nodiscard]] std::size_t raw_bytes() const noexcept;
  [[nodiscard]] bool compressed() const noexcept { return codec != Codec::raw; }
  friend bool operator==(const FrameFormat&, const FrameFormat&) = default;
};

/// A raw format with tightly packed planes, each stride a multiple of `align` bytes (a power of two).
/// Odd sizes round chroma up. @throws std::invalid_argument for PixelFormat::none or an empty size.
[[nodiscard]] FrameFormat raw_format(PixelFormat pixels, Size size, Rate rate = {}, std::uint32_t align = 1);
/// A compressed format.
[[nodiscard]] FrameFormat coded_format(Codec codec, Size size, Rate rate = {});

[[nodiscard]] std::string_view to_string(Codec codec) noexcept;         ///< "raw", "mjpeg", "h264", "hevc"
[[nodiscard]] std::string_view to_string(PixelFormat format) noexcept;  ///< "i420", "nv12", …; "none"
[[nodiscard]] std::optional<Codec> codec_from(std::string_view name) noexcept;
/// Knows our names and V4L2's four characters, in any case: "NV12", "YU12", "gray8", "GREY".
[[nodiscard]] std::optional<PixelFormat> pixel_format_from(std::string_view name) noexcept;
/// The format for people: "mjpeg 1280x720@30", "raw nv12 1920x1080@29.97".
[[nodiscard]] std::string describe(const FrameFormat& format);

}  // namespace camring
