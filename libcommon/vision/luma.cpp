#include "vision/luma.h"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <string>
#include <string_view>

namespace camring::vision {
namespace {

constexpr std::uint32_t kChromaRowStep = 4;

Region cut(const std::optional<Region>& region, Size size) {
  if (!region) return {0, 0, size};
  Region part = *region;
  if (part.x >= size.width || part.y >= size.height) return {};
  part.size.width = std::min(part.size.width, size.width - part.x);
  part.size.height = std::min(part.size.height, size.height - part.y);
  return part;
}

// Bytes from one luma sample to the next, and to the first; 0 for RGB.
struct Packing {
  std::uint32_t step, first;
};
Packing packing_of(PixelFormat pixels) noexcept {
  switch (pixels) {
    case PixelFormat::yuyv:
      return {2, 0};
    case PixelFormat::uyvy:
      return {2, 1};
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
      return {0, 0};
    default:
      return {1, 0};
  }
}

const std::uint8_t* row_of(const av::ImageView& picture, std::size_t plane, std::uint32_t y) noexcept {
  return picture.data[plane] + static_cast<std::ptrdiff_t>(y) * picture.stride_bytes[plane];
}

// BT.601 in 14 bits, as OpenCV's cvtColor has it.
std::uint8_t luma_of(unsigned red, unsigned green, unsigned blue) noexcept {
  return static_cast<std::uint8_t>((red * 4899 + green * 9617 + blue * 1868 + 8192) >> 14);
}

struct Sums {
  std::uint64_t first = 0, second = 0, third = 0, count = 0;
};

ColourMean from_rgb(const Sums& sums, bool blue_first) {
  const auto count = static_cast<double>(sums.count);
  const double a = static_cast<double>(sums.first) / count, green = static_cast<double>(sums.second) / count,
               c = static_cast<double>(sums.third) / count;
  const double red = blue_first ? c : a, blue = blue_first ? a : c;
  const double luma = 0.299 * red + 0.587 * green + 0.114 * blue;  // ITU-R BT.601
  return {0.564 * (blue - luma), 0.713 * (red - luma)};
}

}  // namespace

Region parse_region(std::string_view text) {
  const auto refuse = [&]() -> Region {
    throw std::invalid_argument("'" + std::string(text) +
                                "' is no region; write WxH+X+Y, e.g. 640x360+100+50");
  };
  const auto left = text.find('+');
  if (left == std::string_view::npos) return refuse();
  const auto top = text.find('+', left + 1);
  if (top == std::string_view::npos) return refuse();
  try {
    Region region;
    region.size = parse_size(text.substr(0, left));
    region.x = static_cast<std::uint32_t>(parse_int(text.substr(left + 1, top - left - 1), 0, 16383));
    region.y = static_cast<std::uint32_t>(parse_int(text.substr(top + 1), 0, 16383));
    return region;
  } catch (const std::invalid_argument&) {
    return refuse();
  }
}

LumaView LumaReader::luma(const av::ImageView& picture, const std::optional<Region>& region) {
  const Region part = cut(region, picture.size);
  LumaView view;
  view.size = part.size;
  view.full_range = av::full_range(picture.pixel_format, picture.colour);
  if (part.size.width == 0 || part.size.height == 0) return {};
  const Packing packing = packing_of(picture.pixel_format);
  if (packing.step == 1) {
    view.data = row_of(picture, 0, part.y) + part.x;
    view.stride_bytes = picture.stride_bytes[0];
    return view;
  }
  unpacked_.resize(std::size_t{part.size.width} * part.size.height);
  const bool blue_first = picture.pixel_format == PixelFormat::bgr24;
  for (std::uint32_t y = 0; y < part.size.height; ++y) {
    std::uint8_t* out = unpacked_.data() + std::size_t{y} * part.size.width;
    const std::uint8_t* in = row_of(picture, 0, part.y + y);
    for (std::uint32_t x = 0; x < part.size.width; ++x) {
      const std::size_t at = part.x + x;
      if (packing.step == 2) {
        out[x] = in[2 * at + packing.first];
      } else {
        const std::uint8_t* pixel = in + 3 * at;
        out[x] = luma_of(pixel[blue_first ? 2 : 0], pixel[1], pixel[blue_first ? 0 : 2]);
      }
    }
  }
  view.data = unpacked_.data();
  view.stride_bytes = part.size.width;
  return view;
}

std::optional<ColourMean> mean_colour(const av::ImageView& picture, const std::optional<Region>& region) {
  const Region part = cut(region, picture.size);
  if (picture.pixel_format == PixelFormat::gray8 || part.size.width == 0 || part.size.height == 0) return {};
  const PixelFormat pixels = picture.pixel_format;
  const bool rgb = pixels == PixelFormat::rgb24 || pixels == PixelFormat::bgr24;
  const bool packed = pixels == PixelFormat::yuyv || pixels == PixelFormat::uyvy;
  const std::uint32_t across = pixels == PixelFormat::i444 || rgb ? 1 : 2;
  const std::uint32_t down = pixels == PixelFormat::i420 || pixels == PixelFormat::nv12 ? 2 : 1;
  const std::uint32_t left = part.x / across, right = (part.x + part.size.width + across - 1) / across;
  const std::uint32_t top = part.y / down, bottom = (part.y + part.size.height + down - 1) / down;
  Sums sums;
  for (std::uint32_t y = top; y < bottom; y += kChromaRowStep) {
    const std::uint8_t* a = row_of(picture, rgb || packed ? 0 : 1, y);
    const std::uint8_t* b = rgb || packed || pixels == PixelFormat::nv12 ? a + 1 : row_of(picture, 2, y);
    std::uint32_t step = 1;
    if (pixels == PixelFormat::nv12) step = 2;
    if (rgb) step = 3;
    if (packed) {
      step = 4;
      a += pixels == PixelFormat::yuyv ? 1 : 0;
      b = a + 2;
    }
    for (std::uint32_t x = left; x < right; ++x) {
      sums.first += a[std::size_t{x} * step];
      sums.second += b[std::size_t{x} * step];
      if (rgb) sums.third += a[std::size_t{x} * step + 2];
    }
    sums.count += right - left;
  }
  if (rgb) return from_rgb(sums, pixels == PixelFormat::bgr24);
  const double scale = av::full_range(pixels, picture.colour) ? 1.0 : 255.0 / 224.0;
  const auto count = static_cast<double>(sums.count);
  return ColourMean{(static_cast<double>(sums.first) / count - 128) * scale,
                    (static_cast<double>(sums.second) / count - 128) * scale};
}

}  // namespace camring::vision
