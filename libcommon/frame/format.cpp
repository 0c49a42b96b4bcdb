#include "frame/format.h"

#include <algorithm>
#include <cctype>
#include <stdexcept>

namespace camring {
namespace {

// One row a pixel format: how its planes divide the picture.
struct PlaneShape {
  std::uint8_t bytes = 0;  // a sample position
  std::uint8_t across = 1, down = 1;
};
struct PixelShape {
  PixelFormat format;
  std::string_view name;
  std::uint32_t count;
  std::array<PlaneShape, 3> planes;
};
constexpr std::array<PixelShape, 9> kShapes{{
    {PixelFormat::i420, "i420", 3, {{{1, 1, 1}, {1, 2, 2}, {1, 2, 2}}}},
    {PixelFormat::i422, "i422", 3, {{{1, 1, 1}, {1, 2, 1}, {1, 2, 1}}}},
    {PixelFormat::i444, "i444", 3, {{{1, 1, 1}, {1, 1, 1}, {1, 1, 1}}}},
    {PixelFormat::nv12, "nv12", 2, {{{1, 1, 1}, {2, 2, 2}, {}}}},
    {PixelFormat::yuyv, "yuyv", 1, {{{4, 2, 1}, {}, {}}}},
    {PixelFormat::uyvy, "uyvy", 1, {{{4, 2, 1}, {}, {}}}},
    {PixelFormat::rgb24, "rgb24", 1, {{{3, 1, 1}, {}, {}}}},
    {PixelFormat::bgr24, "bgr24", 1, {{{3, 1, 1}, {}, {}}}},
    {PixelFormat::gray8, "gray8", 1, {{{1, 1, 1}, {}, {}}}},
}};
constexpr std::array<std::pair<Codec, std::string_view>, 4> kCodecs{
    {{Codec::raw, "raw"}, {Codec::mjpeg, "mjpeg"}, {Codec::h264, "h264"}, {Codec::hevc, "hevc"}}};

std::string lower(std::string_view text) {
  std::string result(text);
  std::transform(result.begin(), result.end(), result.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return result;
}

std::string four_characters(PixelFormat format) {
  const auto value = static_cast<std::uint32_t>(format);
  std::string text;
  for (unsigned shift = 0; shift < 32; shift += 8) text += static_cast<char>(value >> shift & 0xff);
  return text;
}

}  // namespace

std::size_t FrameFormat::raw_bytes() const noexcept {
  std::size_t end = 0;
  if (codec != Codec::raw) return 0;
  for (std::size_t i = 0; i < std::min<std::size_t>(plane_count, kMaxPlanes); ++i) {
    end = std::max(end, planes[i].offset_bytes + std::size_t{planes[i].stride_bytes} * planes[i].rows);
  }
  return end;
}

FrameFormat raw_format(PixelFormat pixels, Size size, Rate rate, std::uint32_t align) {
  const auto* shape =
      std::find_if(kShapes.begin(), kShapes.end(), [&](const auto& s) { return s.format == pixels; });
  if (shape == kShapes.end() || size.width == 0 || size.height == 0) {
    throw std::invalid_argument("a raw frame needs a pixel format and a size");
  }
  FrameFormat format;
  format.codec = Codec::raw;
  format.pixel_format = pixels;
  format.size = size;
  format.rate = rate;
  format.plane_count = shape->count;
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < shape->count; ++i) {
    const PlaneShape& plane = shape->planes[i];
    const std::uint32_t across = (size.width + plane.across - 1u) / plane.across;
    const std::uint32_t stride = (across * plane.bytes + align - 1) / align * align;
    const std::uint32_t rows = (size.height + plane.down - 1u) / plane.down;
    format.planes[i] = {offset, stride, rows};
    offset += stride * rows;
  }
  return format;
}

FrameFormat coded_format(Codec codec, Size size, Rate rate) {
  FrameFormat format;
  format.codec = codec;
  format.size = size;
  format.rate = rate;
  return format;
}

std::string_view to_string(Codec codec) noexcept {
  for (const auto& [value, name] : kCodecs) {
    if (value == codec) return name;
  }
  return "none";
}

std::string_view to_string(PixelFormat format) noexcept {
  for (const auto& shape : kShapes) {
    if (shape.format == format) return shape.name;
  }
  return "none";
}

std::optional<Codec> codec_from(std::string_view name) noexcept {
  const std::string wanted = lower(name);
  for (const auto& [value, text] : kCodecs) {
    if (text == wanted) return value;
  }
  if (wanted == "jpeg" || wanted == "mjpg") return Codec::mjpeg;
  if (wanted == "avc") return Codec::h264;
  if (wanted == "h265") return Codec::hevc;
  return std::nullopt;
}

std::optional<PixelFormat> pixel_format_from(std::string_view name) noexcept {
  const std::string wanted = lower(name);
  for (const auto& shape : kShapes) {
    if (shape.name == wanted || lower(four_characters(shape.format)) == wanted) return shape.format;
  }
  if (wanted == "rgb") return PixelFormat::rgb24;
  if (wanted == "bgr") return PixelFormat::bgr24;
  if (wanted == "gray" || wanted == "grey") return PixelFormat::gray8;
  if (wanted == "yuv420p") return PixelFormat::i420;
  return std::nullopt;
}

std::string describe(const FrameFormat& format) {
  std::string text(to_string(format.codec));
  if (format.codec == Codec::raw) text += " " + std::string(to_string(format.pixel_format));
  text += " " + to_string(format.size);
  if (format.rate.num != 0) text += "@" + to_string(format.rate);
  return text;
}

}  // namespace camring
