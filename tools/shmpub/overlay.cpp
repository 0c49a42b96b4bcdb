#include "overlay.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <stdexcept>

#include "base/clock.h"
#include "frame/text.h"

namespace camring::shmpub {
namespace {

constexpr std::uint32_t kDotsAcross = 480, kDotsDown = 270;  // a picture of this size has dots of one sample

struct Box {
  std::uint32_t x, y;
  Size size;
};

void fill_grey(const av::ImageSpan& picture, std::size_t plane, std::uint32_t left, std::uint32_t top,
               std::uint32_t bytes, std::uint32_t rows) {
  for (std::uint32_t y = 0; y < rows; ++y) {
    std::fill_n(picture.data[plane] + std::ptrdiff_t{top + y} * picture.stride_bytes[plane] + left, bytes,
                std::uint8_t{128});
  }
}

// Text on what was under it would be coloured by that.
void neutralise(const av::ImageSpan& picture, const Box& box) {
  const std::uint32_t right = box.x + box.size.width, bottom = box.y + box.size.height;
  switch (picture.pixel_format) {
    case PixelFormat::i420:
    case PixelFormat::i422:
    case PixelFormat::i444: {
      const std::uint32_t across = picture.pixel_format == PixelFormat::i444 ? 1 : 2;
      const std::uint32_t down = picture.pixel_format == PixelFormat::i420 ? 2 : 1;
      for (const std::size_t plane : {1, 2}) {
        fill_grey(picture, plane, box.x / across, box.y / down, right / across - box.x / across,
                  bottom / down - box.y / down);
      }
      break;
    }
    case PixelFormat::nv12:
      fill_grey(picture, 1, box.x / 2 * 2, box.y / 2, right / 2 * 2 - box.x / 2 * 2, bottom / 2 - box.y / 2);
      break;
    case PixelFormat::yuyv:
    case PixelFormat::uyvy:
      fill_grey(picture, 0, box.x / 2 * 4, box.y, right / 2 * 4 - box.x / 2 * 4, box.size.height);
      break;
    default:
      break;
  }
}

}  // namespace

Overlay::Kind Overlay::parse(std::string_view text) {
  if (text == "off") return Kind::off;
  if (text == "time") return Kind::time;
  if (text == "name") return Kind::name;
  throw std::invalid_argument("'" + std::string(text) + "' is no overlay; write time, name or off");
}

std::string overlay_time(std::int64_t wall_ns) {
  const std::time_t seconds = wall_ns / 1'000'000'000;
  std::tm local{};
  ::localtime_r(&seconds, &local);
  std::array<char, 48> text{};
  const std::size_t size = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  std::snprintf(text.data() + size, text.size() - size, ".%03d",
                static_cast<int>(wall_ns / 1'000'000 % 1000));
  return text.data();
}

void Overlay::draw(const av::ImageSpan& picture, std::int64_t capture_ns) const {
  if (kind_ == Kind::off) return;
  const std::string text =
      kind_ == Kind::name ? name_ : overlay_time(capture_ns + realtime_ns() - monotonic_ns());
  TextStyle style;
  style.scale = std::max(1u, std::min(picture.size.width / kDotsAcross, picture.size.height / kDotsDown));
  if (av::full_range(picture.pixel_format, picture.colour)) {
    style.ink = 255;
    style.paper = 0;
  }
  const Size size = text_size(text, style.scale);
  const std::uint32_t margin = 4 * style.scale;
  if (picture.size.height < size.height + margin || picture.size.width < margin * 2) return;
  Box box{margin, picture.size.height - size.height - margin, size};
  box.size.width = std::min(box.size.width, picture.size.width - box.x);
  neutralise(picture, box);

  std::size_t step = 1, channels = 1, first = 0;
  switch (picture.pixel_format) {
    case PixelFormat::yuyv:
      step = 2;
      break;
    case PixelFormat::uyvy:
      step = 2;
      first = 1;
      break;
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
      step = channels = 3;
      break;
    default:
      break;
  }
  const auto stride = static_cast<std::size_t>(picture.stride_bytes[0]);
  // The last row may end where the memory ends.
  const std::size_t bytes = stride * (picture.size.height - 1) + picture.size.width * step;
  for (std::size_t channel = 0; channel < channels; ++channel) {
    const std::size_t offset = first + channel;
    draw_text({picture.data[0] + offset, bytes - offset}, stride, picture.size, box.x, box.y, text, style,
              step);
  }
}

}  // namespace camring::shmpub
