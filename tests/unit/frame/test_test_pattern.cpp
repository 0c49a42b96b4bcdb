#include <array>
#include <stdexcept>
#include <vector>

#include "av/image.h"
#include "av/scaler.h"
#include "catch.h"
#include "frame/test_pattern.h"

using namespace camring;

namespace {

constexpr std::array<PixelFormat, 9> kFormats{PixelFormat::i420,  PixelFormat::i422,  PixelFormat::i444,
                                              PixelFormat::nv12,  PixelFormat::yuyv,  PixelFormat::uyvy,
                                              PixelFormat::rgb24, PixelFormat::bgr24, PixelFormat::gray8};

std::vector<std::uint8_t> drawn(const TestPattern& pattern, const FrameFormat& format,
                                const PatternCode& code, std::uint8_t before = 0) {
  std::vector<std::uint8_t> frame(format.raw_bytes(), before);
  pattern.draw(frame, code);
  return frame;
}

}  // namespace

TEST_CASE("test pattern: its code is read from every pixel format and from odd sizes") {
  const PatternCode code{4711, 987'654'321'012'345};
  for (const PixelFormat pixels : kFormats) {
    for (const Size size : {Size{320, 240}, Size{321, 241}}) {
      CAPTURE(to_string(pixels), to_string(size));
      FrameFormat format = raw_format(pixels, size);
      format.colour = TestPattern::colour(pixels);
      const auto frame = drawn(TestPattern(format), format, code);
      av::Image luma;
      luma.reshape(PixelFormat::gray8, size, {});
      av::Scaler scaler;
      REQUIRE(scaler.scale(av::view_of(format, frame), luma.span()));
      const auto view = luma.view();
      const auto stride = static_cast<std::size_t>(view.stride_bytes[0]);
      CHECK(read_code({view.data[0], stride * (size.height - 1) + size.width}, stride, size) == code);
    }
  }
}

TEST_CASE("test pattern: each byte of a frame is written, and the same code gives the same picture") {
  for (const PixelFormat pixels : kFormats) {
    CAPTURE(to_string(pixels));
    const FrameFormat format = raw_format(pixels, {320, 240});
    const TestPattern pattern(format);
    CHECK(drawn(pattern, format, {9, 1000}, 0x55) == drawn(pattern, format, {9, 1000}, 0xaa));
  }
}

TEST_CASE("test pattern: pictures move below the code, bars do not") {
  const FrameFormat format = raw_format(PixelFormat::gray8, {640, 480});
  const std::size_t below = std::size_t{640} * 200;
  for (const bool bars : {false, true}) {
    const TestPattern pattern(format, bars ? PatternStyle::bars : PatternStyle::moving);
    const auto one = drawn(pattern, format, {1, 5}), two = drawn(pattern, format, {2, 5});
    const bool same = std::equal(one.begin() + below, one.end(), two.begin() + below);
    CHECK(same == bars);
  }
}

TEST_CASE("test pattern: the colours of all formats are the same") {
  const Size size{320, 240};
  const FrameFormat reference = [&] {
    FrameFormat format = raw_format(PixelFormat::i444, size);
    format.colour = TestPattern::colour(PixelFormat::i444);
    return format;
  }();
  const auto expected = drawn(TestPattern(reference, PatternStyle::bars), reference, {1, 1});
  for (const PixelFormat pixels : kFormats) {
    if (pixels == PixelFormat::gray8) continue;
    CAPTURE(to_string(pixels));
    FrameFormat format = raw_format(pixels, size);
    format.colour = TestPattern::colour(pixels);
    const auto frame = drawn(TestPattern(format, PatternStyle::bars), format, {1, 1});
    av::Image converted;
    converted.reshape(PixelFormat::i444, size, reference.colour);
    av::Scaler scaler;
    REQUIRE(scaler.scale(av::view_of(format, frame), converted.span()));
    const auto view = converted.view();
    for (std::uint32_t bar = 0; bar < 7; ++bar) {  // in the middle of each bar, far from code and text
      const std::uint32_t x = (2 * bar + 1) * size.width / 14, y = 200;
      for (std::size_t plane = 0; plane < 3; ++plane) {
        const int want =
            expected[reference.planes[plane].offset_bytes + y * reference.planes[plane].stride_bytes + x];
        const int got = view.data[plane][std::ptrdiff_t{y} * view.stride_bytes[plane] + x];
        CAPTURE(bar, plane, want, got);
        CHECK(std::abs(want - got) <= 4);
      }
    }
  }
}

TEST_CASE("test pattern: tiny pictures and padded rows are drawn inside their bytes") {
  for (const PixelFormat pixels : kFormats) {
    for (const Size size : {Size{1, 1}, Size{2, 3}, Size{15, 9}, Size{64, 8}}) {
      CAPTURE(to_string(pixels), to_string(size));
      const FrameFormat format = raw_format(pixels, size, {}, 64);
      std::vector<std::uint8_t> frame(format.raw_bytes() + 64, 0x77);
      TestPattern(format).draw(frame, {1, 2});
      for (std::size_t i = format.raw_bytes(); i < frame.size(); ++i) REQUIRE(frame[i] == 0x77);
    }
  }
  CHECK_THROWS_AS(TestPattern(coded_format(Codec::mjpeg, {64, 48})), std::invalid_argument);
}
