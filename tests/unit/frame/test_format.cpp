#include <stdexcept>

#include "catch.h"
#include "frame/format.h"

using namespace camring;

TEST_CASE("planes of odd sizes round chroma up") {
  const FrameFormat i420 = raw_format(PixelFormat::i420, {5, 3});
  CHECK(i420.planes[0] == Plane{0, 5, 3});
  CHECK(i420.planes[1] == Plane{15, 3, 2});
  CHECK(i420.planes[2] == Plane{21, 3, 2});
  CHECK(i420.raw_bytes() == 27);
  CHECK(raw_format(PixelFormat::nv12, {5, 3}).raw_bytes() == 15 + 6 * 2);
  CHECK(raw_format(PixelFormat::yuyv, {5, 3}).raw_bytes() == 12 * 3);
  CHECK(raw_format(PixelFormat::rgb24, {5, 3}).raw_bytes() == 45);
  CHECK(raw_format(PixelFormat::gray8, {5, 3}, {}, 64).raw_bytes() == 64 * 3);
  CHECK_THROWS_AS(raw_format(PixelFormat::none, {5, 3}), std::invalid_argument);
  CHECK_THROWS_AS(raw_format(PixelFormat::i420, {0, 3}), std::invalid_argument);
}

TEST_CASE("formats and codecs are known by their names and V4L2's four characters") {
  CHECK(pixel_format_from("NV12") == PixelFormat::nv12);
  CHECK(pixel_format_from("YU12") == PixelFormat::i420);
  CHECK(pixel_format_from("grey") == PixelFormat::gray8);
  CHECK_FALSE(pixel_format_from("XYZW"));
  CHECK(codec_from("MJPG") == Codec::mjpeg);
  CHECK(codec_from("h265") == Codec::hevc);
  CHECK_FALSE(codec_from("vp9"));
  CHECK(describe(raw_format(PixelFormat::nv12, {1920, 1080}, {30000, 1001})) == "raw nv12 1920x1080@29.97");
  CHECK(describe(coded_format(Codec::mjpeg, {640, 480})) == "mjpeg 640x480");
}
