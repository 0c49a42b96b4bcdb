#include "frame/test_pattern.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "frame/text.h"

namespace camring {
namespace {

struct Yuv {
  std::uint8_t y, u, v;
};

constexpr Yuv kBlack{16, 128, 128};

// 75 % bars in limited BT.601: grey, yellow, cyan, green, magenta, red, blue.
constexpr std::array<Yuv, 7> kBars{{{180, 128, 128},
                                    {162, 44, 142},
                                    {131, 156, 44},
                                    {112, 72, 58},
                                    {84, 184, 198},
                                    {65, 100, 212},
                                    {35, 212, 114}}};

std::uint8_t clamp_byte(int value) { return static_cast<std::uint8_t>(std::clamp(value, 0, 255)); }

// Limited BT.601 to full-range RGB, 8 fractional bits.
std::array<std::uint8_t, 3> to_rgb(Yuv pixel) {
  const int y = 298 * (pixel.y - 16), u = pixel.u - 128, v = pixel.v - 128;
  return {clamp_byte((y + 409 * v + 128) >> 8), clamp_byte((y - 100 * u - 208 * v + 128) >> 8),
          clamp_byte((y + 516 * u + 128) >> 8)};
}

// Where the luma samples of a packed or planar format are: several channels in RGB, which has none.
struct LumaSamples {
  std::size_t step, first, channels;
};
LumaSamples luma_samples(PixelFormat format) noexcept {
  switch (format) {
    case PixelFormat::yuyv:
      return {2, 0, 1};
    case PixelFormat::uyvy:
      return {2, 1, 1};
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
      return {3, 0, 3};
    default:
      return {1, 0, 1};
  }
}

void put(const FrameFormat& format, std::uint8_t* frame, std::uint32_t x, std::uint32_t y, Yuv pixel) {
  const auto at = [&](std::size_t plane, std::size_t column, std::size_t row) -> std::uint8_t& {
    return frame[format.planes[plane].offset_bytes + row * format.planes[plane].stride_bytes + column];
  };
  switch (format.pixel_format) {
    case PixelFormat::i420:
    case PixelFormat::i422:
    case PixelFormat::i444: {
      const std::uint32_t across = format.pixel_format == PixelFormat::i444 ? 1 : 2;
      const std::uint32_t down = format.pixel_format == PixelFormat::i420 ? 2 : 1;
      at(0, x, y) = pixel.y;
      at(1, x / across, y / down) = pixel.u;
      at(2, x / across, y / down) = pixel.v;
      break;
    }
    case PixelFormat::nv12:
      at(0, x, y) = pixel.y;
      at(1, x / 2 * 2, y / 2) = pixel.u;
      at(1, x / 2 * 2 + 1, y / 2) = pixel.v;
      break;
    case PixelFormat::yuyv:
      at(0, 2 * x, y) = pixel.y;
      at(0, x / 2 * 4 + 1, y) = pixel.u;
      at(0, x / 2 * 4 + 3, y) = pixel.v;
      break;
    case PixelFormat::uyvy:
      at(0, 2 * x + 1, y) = pixel.y;
      at(0, x / 2 * 4, y) = pixel.u;
      at(0, x / 2 * 4 + 2, y) = pixel.v;
      break;
    case PixelFormat::rgb24:
    case PixelFormat::bgr24: {
      const auto rgb = to_rgb(pixel);
      for (std::size_t i = 0; i < 3; ++i) {
        at(0, 3 * x + i, y) = rgb[format.pixel_format == PixelFormat::rgb24 ? i : 2 - i];
      }
      break;
    }
    case PixelFormat::gray8:
      at(0, x, y) = pixel.y;
      break;
    case PixelFormat::none:
      break;
  }
}

Yuv gradient(Size size, std::uint32_t x, std::uint32_t y) {
  return {static_cast<std::uint8_t>(40 + 160 * x / size.width),
          static_cast<std::uint8_t>(64 + 128 * y / size.height),
          static_cast<std::uint8_t>(192 - 128 * x / size.width)};
}

Yuv checks(Size size, std::uint32_t x, std::uint32_t y) {
  const std::uint32_t cell = std::max(4u, size.height / 48);
  return (x / cell + y / cell) % 2 == 0 ? Yuv{210, 100, 150} : Yuv{60, 160, 100};
}

// Goes from 0 to `span` and back, `step` a frame; even, because chroma is shared by two columns and rows.
std::uint32_t travel(std::uint64_t number, std::uint32_t step, std::uint32_t span) noexcept {
  if (span == 0) return 0;
  const std::uint64_t at = number * step % (2ull * span);
  return static_cast<std::uint32_t>(at < span ? at : 2ull * span - at) & ~1u;
}

}  // namespace

TestPattern::TestPattern(const FrameFormat& format, PatternStyle style)
    : format_(format), style_(style), ground_(format.raw_bytes()), marks_(format.raw_bytes()) {
  if (format.codec != Codec::raw || ground_.empty())
    throw std::invalid_argument("a test pattern is raw video");
  const Size size = format.size;
  for (std::uint32_t y = 0; y < size.height; ++y) {
    for (std::uint32_t x = 0; x < size.width; ++x) {
      const Yuv bar = kBars[std::min<std::size_t>(x * kBars.size() / size.width, kBars.size() - 1)];
      const Yuv pixel = style == PatternStyle::bars ? bar : gradient(size, x, y);
      // Under the code and the text no colour, so that the blocks are black and white in every format.
      put(format, ground_.data(), x, y, y < code_height(size.height) ? kBlack : pixel);
      put(format, marks_.data(), x, y, checks(size, x, y));
    }
  }
}

Colour TestPattern::colour(PixelFormat pixels) noexcept {
  Colour colour;
  const bool rgb = pixels == PixelFormat::rgb24 || pixels == PixelFormat::bgr24;
  colour.range = rgb ? 2 : 1;
  colour.matrix = rgb ? 0 : 6;  // H.273: identity; BT.601 (525 lines)
  return colour;
}

void TestPattern::draw(std::span<std::uint8_t> frame, const PatternCode& code) const noexcept {
  if (frame.size() < ground_.size()) return;
  std::memcpy(frame.data(), ground_.data(), ground_.size());
  const Size size = format_.size;
  if (style_ == PatternStyle::moving) {
    const std::uint32_t top = (code_height(size.height) + 1) & ~1u;
    const std::uint32_t side = std::min(size.width, size.height) / 5 & ~1u;
    const std::uint32_t step = std::max(2u, size.width / 160 & ~1u);
    if (size.height > top + side && side > 0) {
      const std::uint32_t room_x = size.width - side, room_y = size.height - top - side;
      move_box(frame,
               {travel(code.number, step, room_x), top + travel(code.number, step / 2 + 1, room_y), side});
      move_box(frame, {travel(code.number, 2 * step, room_x), top + (room_y & ~1u), side / 2 & ~1u});
    }
  }
  write_texts(frame, code);
}

void TestPattern::move_box(std::span<std::uint8_t> frame, const Box& box) const noexcept {
  for (std::size_t i = 0; i < format_.plane_count; ++i) {
    const Plane& plane = format_.planes[i];
    // A box of even position and side maps onto whole samples in each plane.
    const std::size_t bytes_per_row = plane.stride_bytes;
    const std::uint32_t height = format_.size.height;
    const std::uint32_t first = static_cast<std::uint32_t>(std::uint64_t{box.y} * plane.rows / height);
    const std::uint32_t rows = static_cast<std::uint32_t>(std::uint64_t{box.side} * plane.rows / height);
    const auto packed = [&](std::uint32_t pixels) -> std::size_t {
      switch (format_.pixel_format) {
        case PixelFormat::yuyv:
        case PixelFormat::uyvy:
          return std::size_t{pixels} * 2;
        case PixelFormat::rgb24:
        case PixelFormat::bgr24:
          return std::size_t{pixels} * 3;
        case PixelFormat::i420:
        case PixelFormat::i422:
          return i == 0 ? pixels : pixels / 2;
        default:
          return pixels;
      }
    };
    for (std::uint32_t row = first; row < std::min(plane.rows, first + rows); ++row) {
      const std::size_t at = plane.offset_bytes + row * bytes_per_row + packed(box.x);
      std::memcpy(frame.data() + at, marks_.data() + at, packed(box.side));
    }
  }
}

void TestPattern::write_texts(std::span<std::uint8_t> frame, const PatternCode& code) const noexcept {
  const Size size = format_.size;
  std::array<char, 48> number{}, clock{};
  std::snprintf(number.data(), number.size(), "frame %u", code.number);
  std::snprintf(clock.data(), clock.size(), "clock %llu.%09llu",
                static_cast<unsigned long long>(code.clock_ns / 1'000'000'000),
                static_cast<unsigned long long>(code.clock_ns % 1'000'000'000));
  TextStyle style;
  style.scale = std::max(1u, std::min(size.height / 180, size.width / 160));
  const std::uint32_t x = size.width / 40, y = code_height(size.height) + size.height / 24;
  const LumaSamples samples = luma_samples(format_.pixel_format);
  for (std::size_t channel = 0; channel < samples.channels; ++channel) {
    const auto plane = frame.first(format_.raw_bytes())
                           .subspan(samples.first + channel,
                                    std::size_t{format_.planes[0].stride_bytes} * format_.planes[0].rows -
                                        samples.first - channel);
    draw_code(plane, format_.planes[0].stride_bytes, size, code, samples.step);
    draw_text(plane, format_.planes[0].stride_bytes, size, x, y, number.data(), style, samples.step);
    draw_text(plane, format_.planes[0].stride_bytes, size, x, y + kGlyphHeight * style.scale, clock.data(),
              style, samples.step);
  }
}

}  // namespace camring
