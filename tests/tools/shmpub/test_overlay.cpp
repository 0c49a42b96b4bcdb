#include "overlay.h"

#include <cstdlib>
#include <ctime>
#include <vector>

#include "base/clock.h"
#include "catch.h"
#include "unit/av/pictures.h"

using namespace camring;
using namespace camring::shmpub;

namespace {

const std::vector<PixelFormat> kAll{PixelFormat::i420,  PixelFormat::i422,  PixelFormat::i444,
                                    PixelFormat::nv12,  PixelFormat::yuyv,  PixelFormat::uyvy,
                                    PixelFormat::rgb24, PixelFormat::bgr24, PixelFormat::gray8};

}  // namespace

TEST_CASE(
    "overlay: words stand in the lower left of every format, and nothing outside the picture is touched") {
  for (const PixelFormat pixels : kAll) {
    for (const Size size : {Size{320, 180}, Size{641, 361}, Size{24, 24}, Size{4, 4}}) {
      CAPTURE(pixels, size.width, size.height);
      const FrameFormat format = raw_format(pixels, size);
      std::vector<std::uint8_t> bytes(format.raw_bytes() + 64, 100);
      const av::ImageSpan picture = av::span_of(format, {bytes.data(), format.raw_bytes()});
      const Overlay overlay(Overlay::Kind::name, "cam0");
      overlay.draw(picture, 0);
      for (std::size_t i = format.raw_bytes(); i < bytes.size(); ++i) CHECK(bytes[i] == 100);
      if (size.height < 100) continue;
      // Above the corner nothing changed; in it there is ink and paper.
      const auto stride = static_cast<std::size_t>(picture.stride_bytes[0]);
      for (std::size_t i = 0; i < stride * (size.height / 2); ++i) REQUIRE(picture.data[0][i] == 100);
      int ink = 0, paper = 0;
      for (std::size_t i = stride * (size.height / 2); i < stride * size.height; ++i) {
        ink += picture.data[0][i] >= 235;
        paper += picture.data[0][i] <= 16;
      }
      CHECK(ink > 20);
      CHECK(paper > 20);
    }
  }
}

TEST_CASE("overlay: off draws nothing") {
  std::vector<std::uint8_t> bytes(320 * 180, 100);
  const av::ImageSpan picture = av::span_of(raw_format(PixelFormat::gray8, {320, 180}), bytes);
  Overlay().draw(picture, 0);
  CHECK(bytes == std::vector<std::uint8_t>(320 * 180, 100));
}

TEST_CASE("overlay: time is local, to the millisecond") {
  ::setenv("TZ", "UTC", 1);
  ::tzset();
  CHECK(overlay_time(1'700'000'000'123'456'789) == "2023-11-14 22:13:20.123");
}

TEST_CASE("overlay: its words are time, name and off") {
  CHECK(Overlay::parse("time") == Overlay::Kind::time);
  CHECK(Overlay::parse("name") == Overlay::Kind::name);
  CHECK(Overlay::parse("off") == Overlay::Kind::off);
  CHECK_THROWS_WITH(Overlay::parse("date"), "'date' is no overlay; write time, name or off");
}
