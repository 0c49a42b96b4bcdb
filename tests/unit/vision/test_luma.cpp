#include <stdexcept>

#include "av/scaler.h"
#include "catch.h"
#include "vision/luma.h"

using namespace camring;
using namespace camring::vision;

namespace {

av::Image filled(PixelFormat pixels, Size size, const Colour& colour = {}) {
  av::Image gray, image;
  gray.reshape(PixelFormat::rgb24, size, {});
  for (std::uint32_t y = 0; y < size.height; ++y) {
    std::uint8_t* row = gray.span().data[0] + std::ptrdiff_t{y} * gray.span().stride_bytes[0];
    for (std::uint32_t x = 0; x < size.width; ++x) {
      row[3 * x] = 200;  // orange
      row[3 * x + 1] = 120;
      row[3 * x + 2] = 40;
    }
  }
  image.reshape(pixels, size, colour);
  av::Scaler scaler;
  REQUIRE(scaler.scale(gray.view(), image.span()));
  return image;
}

}  // namespace

TEST_CASE("luma: every pixel format shows the same luma and colour", "[vision]") {
  for (const PixelFormat pixels :
       {PixelFormat::i420, PixelFormat::i422, PixelFormat::i444, PixelFormat::nv12, PixelFormat::yuyv,
        PixelFormat::uyvy, PixelFormat::rgb24, PixelFormat::bgr24}) {
    CAPTURE(to_string(pixels));
    const av::Image image = filled(pixels, {64, 48}, {2, 2, 2, 5});
    LumaReader reader;
    const LumaView luma = reader.luma(image.view());
    CHECK(luma.size == Size{64, 48});
    CHECK(luma.full_range);
    CHECK(int(luma.row(20)[30]) == Approx(134.8).margin(2));  // 0.299 R + 0.587 G + 0.114 B
    const auto colour = mean_colour(image.view());
    REQUIRE(colour);
    CHECK(colour->blue == Approx(0.564 * (40 - 134.8)).margin(2));
    CHECK(colour->red == Approx(0.713 * (200 - 134.8)).margin(2));
  }
  CHECK_FALSE(mean_colour(filled(PixelFormat::gray8, {64, 48}).view()));
}

TEST_CASE("luma: a region is cut to the picture", "[vision]") {
  const av::Image image = filled(PixelFormat::i420, {64, 48});
  LumaReader reader;
  CHECK(reader.luma(image.view(), Region{40, 40, {100, 100}}).size == Size{24, 8});
  CHECK(reader.luma(image.view(), Region{64, 0, {10, 10}}).size == Size{});
  CHECK_FALSE(mean_colour(image.view(), Region{64, 0, {10, 10}}));
}

TEST_CASE("luma: regions are read as WxH+X+Y, and nothing else", "[vision]") {
  const Region region = parse_region("640x360+100+50");
  CHECK(region.size == Size{640, 360});
  CHECK(region.x == 100);
  CHECK(region.y == 50);
  for (const char* bad : {"", "640x360", "640x360+1", "640x360+-1+2", "0x1+0+0", "a+b+c", "1x1+1+2+3"})
    CHECK_THROWS_AS(parse_region(bad), std::invalid_argument);
}
