#include <algorithm>
#include <random>
#include <vector>

#include "catch.h"
#include "frame/pattern_code.h"
#include "frame/test_pattern.h"
#include "frame/text.h"

using namespace camring;

namespace {

struct Luma {
  Size size;
  std::vector<std::uint8_t> bytes;
};

Luma drawn(Size size, const PatternCode& code) {
  Luma luma{size, std::vector<std::uint8_t>(std::size_t{size.width} * size.height, 90)};
  draw_code(luma.bytes, size.width, size, code);
  return luma;
}

// Averages over the area that each target pixel covers, as a scaler that shrinks does.
Luma shrink(const Luma& from, Size to) {
  Luma out{to, std::vector<std::uint8_t>(std::size_t{to.width} * to.height)};
  for (std::uint32_t y = 0; y < to.height; ++y) {
    for (std::uint32_t x = 0; x < to.width; ++x) {
      const std::uint32_t x0 = x * from.size.width / to.width;
      const std::uint32_t x1 = std::max(x0 + 1, (x + 1) * from.size.width / to.width);
      const std::uint32_t y0 = y * from.size.height / to.height;
      const std::uint32_t y1 = std::max(y0 + 1, (y + 1) * from.size.height / to.height);
      unsigned sum = 0;
      for (std::uint32_t row = y0; row < y1; ++row) {
        for (std::uint32_t column = x0; column < x1; ++column)
          sum += from.bytes[row * from.size.width + column];
      }
      out.bytes[y * to.width + x] = static_cast<std::uint8_t>(sum / ((x1 - x0) * (y1 - y0)));
    }
  }
  return out;
}

std::optional<PatternCode> read(const Luma& luma) {
  return read_code(luma.bytes, luma.size.width, luma.size);
}

constexpr PatternCode kCode{0xdeadbeef, 0x0123456789abcdef};

}  // namespace

TEST_CASE("the code is read back from pictures of any size") {
  for (const Size size :
       {Size{160, 120}, Size{320, 240}, Size{641, 479}, Size{1280, 720}, Size{1920, 1080}}) {
    INFO(to_string(size));
    CHECK(read(drawn(size, kCode)) == kCode);
    CHECK(read(drawn(size, {0, 0})) == PatternCode{0, 0});
  }
}

TEST_CASE("the code survives scaling, noise and a loss of contrast") {
  const Luma large = drawn({1280, 720}, kCode);
  for (const Size size : {Size{640, 360}, Size{320, 180}, Size{333, 187}, Size{854, 480}}) {
    INFO(to_string(size));
    CHECK(read(shrink(large, size)) == kCode);
  }
  Luma bad = shrink(large, {320, 180});
  std::mt19937 random(1);
  std::normal_distribution<double> noise(0, 20);
  for (auto& pixel : bad.bytes) {
    pixel = static_cast<std::uint8_t>(std::clamp(100 + (pixel - 128) * 0.5 + noise(random), 0.0, 255.0));
  }
  CHECK(read(bad) == kCode);
}

TEST_CASE("where there is no code, none is read") {
  Luma luma{{320, 240}, std::vector<std::uint8_t>(320 * 240, 128)};
  CHECK_FALSE(read(luma));
  std::mt19937 random(2);
  for (int round = 0; round < 200; ++round) {
    for (auto& pixel : luma.bytes) pixel = static_cast<std::uint8_t>(random());
    CHECK_FALSE(read(luma));
  }
  Luma hit = drawn({320, 240}, kCode);
  std::fill(hit.bytes.begin() + 320 * 5, hit.bytes.begin() + 320 * 12, std::uint8_t{0});
  CHECK_FALSE(read(hit));
  CHECK_FALSE(read_code({}, 0, {0, 0}));
}

TEST_CASE("the test pattern carries its code in every pixel format with luma, and moves") {
  for (const PixelFormat pixels :
       {PixelFormat::i420, PixelFormat::nv12, PixelFormat::yuyv, PixelFormat::gray8}) {
    INFO(to_string(pixels));
    const FrameFormat format = raw_format(pixels, {640, 360});
    const TestPattern pattern(format);
    std::vector<std::uint8_t> one(format.raw_bytes()), two(format.raw_bytes()), again(format.raw_bytes());
    pattern.draw(one, {1, 1000});
    pattern.draw(two, {20, 2000});
    pattern.draw(again, {1, 1000});
    const std::size_t step = pixels == PixelFormat::yuyv ? 2 : 1;
    CHECK(read_code(one, format.planes[0].stride_bytes, format.size, step) == PatternCode{1, 1000});
    CHECK(read_code(two, format.planes[0].stride_bytes, format.size, step) == PatternCode{20, 2000});
    CHECK(one == again);
    const auto below =
        static_cast<std::ptrdiff_t>(std::size_t{format.planes[0].stride_bytes} * code_height(360));
    CHECK_FALSE(std::equal(one.begin() + below, one.begin() + 640 * 360, two.begin() + below));
  }
}

TEST_CASE("text that reaches over the edge is cut off, never written outside") {
  constexpr Size kSize{40, 20};
  for (std::uint32_t x : {0u, 20u, 39u, 40u, 1000u}) {
    for (std::uint32_t y : {0u, 10u, 19u, 20u, 1000u}) {
      std::vector<std::uint8_t> memory(40 * 20 + 64, 7);
      draw_text(std::span(memory).first(40 * 20), 40, kSize, x, y, "Wide \x01 text", {3, 235, 16, true});
      CHECK(std::all_of(memory.begin() + 40 * 20, memory.end(), [](std::uint8_t byte) { return byte == 7; }));
    }
  }
  std::vector<std::uint8_t> plane(40 * 20, 0);
  draw_text(plane, 40, kSize, 2, 2, "A", {1, 235, 16, false});
  CHECK(std::count(plane.begin(), plane.end(), 235) > 5);
}
