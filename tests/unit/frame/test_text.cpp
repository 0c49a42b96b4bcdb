#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "catch.h"
#include "frame/text.h"

using namespace camring;

namespace {

constexpr Size kSize{64, 32};

std::vector<std::uint8_t> canvas() {
  return std::vector<std::uint8_t>(std::size_t{kSize.width} * kSize.height, 100);
}

std::vector<std::uint8_t> drawn(const std::string& text, std::uint32_t x = 0, std::uint32_t y = 0,
                                const TextStyle& style = {}) {
  auto luma = canvas();
  draw_text(luma, kSize.width, kSize, x, y, text, style);
  return luma;
}

}  // namespace

TEST_CASE("text: every printable character looks different, and only the space is empty") {
  std::set<std::vector<std::uint8_t>> shapes;
  for (char c = ' '; c <= '~'; ++c) {
    const auto shape = drawn(std::string(1, c));
    CAPTURE(c);
    CHECK(shapes.insert(shape).second);
    CHECK((std::count(shape.begin(), shape.end(), 235) == 0) == (c == ' '));
  }
}

TEST_CASE("text: what is no printable ASCII becomes a question mark") {
  CHECK(drawn("\x01\x7f\xc3\xa4") == drawn("????"));
}

TEST_CASE("text: the box has the size that was announced, and nothing outside is touched") {
  const TextStyle style{2, 200, 50, true};
  const Size box = text_size("Ay", 2);
  CHECK(box == Size{24, 18});
  const auto luma = drawn("Ay", 5, 7, style);
  for (std::uint32_t y = 0; y < kSize.height; ++y) {
    for (std::uint32_t x = 0; x < kSize.width; ++x) {
      const std::uint8_t value = luma[y * kSize.width + x];
      const bool inside = x >= 5 && x < 5 + box.width && y >= 7 && y < 7 + box.height;
      REQUIRE(inside == (value != 100));
      if (inside) REQUIRE((value == 200 || value == 50));
    }
  }
}

TEST_CASE("text: scaled text is the small one with larger dots; without a box only the ink is drawn") {
  const auto small = drawn("R"), large = drawn("R", 0, 0, {3, 235, 16, true});
  for (std::uint32_t y = 0; y < kGlyphHeight * 3; ++y) {
    for (std::uint32_t x = 0; x < kGlyphWidth * 3; ++x) {
      REQUIRE(large[y * kSize.width + x] == small[y / 3 * kSize.width + x / 3]);
    }
  }
  const auto ink = drawn("R", 0, 0, {1, 235, 16, false});
  CHECK(std::count(ink.begin(), ink.end(), 235) == std::count(small.begin(), small.end(), 235));
  CHECK(std::count(ink.begin(), ink.end(), 16) == 0);
}

TEST_CASE("text: what lies outside the picture is cut off") {
  CHECK(drawn("x", 64, 0) == canvas());
  CHECK(drawn("x", 0, 32) == canvas());
  CHECK(drawn("x", ~0u, ~0u) == canvas());
  const auto luma = drawn(std::string(500, 'W'), 60, 28, {4, 235, 16, true});
  for (std::uint32_t y = 0; y < 28; ++y) {
    for (std::uint32_t x = 0; x < kSize.width; ++x) REQUIRE(luma[y * kSize.width + x] == 100);
  }
  std::vector<std::uint8_t> little(40, 100);
  draw_text(little, kSize.width, kSize, 0, 0, "WWWWWWW");  // a plane shorter than its size says
  CHECK(little[39] == 16);
}

TEST_CASE("text: a step draws into every second byte only") {
  std::vector<std::uint8_t> yuyv(std::size_t{kSize.width} * 2 * kSize.height, 100);
  draw_text(yuyv, std::size_t{kSize.width} * 2, kSize, 0, 0, "Hello", {}, 2);
  const auto luma = drawn("Hello");
  for (std::size_t i = 0; i < luma.size(); ++i) {
    REQUIRE(yuyv[2 * i] == luma[i]);
    REQUIRE(yuyv[2 * i + 1] == 100);
  }
}
