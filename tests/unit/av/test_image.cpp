#include "av/convert.h"
#include "av/image.h"
#include "catch.h"
#include "unit/av/pictures.h"

using namespace camring;
using namespace camring::av;

TEST_CASE("image: a raw payload is seen in place, plane by plane, odd sizes included") {
  for (const PixelFormat pixels : test::kAllFormats) {
    const FrameFormat format = raw_format(pixels, {33, 17}, {}, 4);
    std::vector<std::uint8_t> payload(format.raw_bytes());
    const ImageView view = view_of(format, payload);
    INFO(to_string(pixels));
    REQUIRE(view);
    CHECK(view.size == format.size);
    for (std::size_t i = 0; i < format.plane_count; ++i) {
      CHECK(view.data[i] == payload.data() + format.planes[i].offset_bytes);
      CHECK(view.stride_bytes[i] == static_cast<int>(format.planes[i].stride_bytes));
    }
    CHECK(span_of(format, payload).data[0] == payload.data());
  }
}

TEST_CASE("image: a foreign format whose planes do not fit its payload is refused") {
  const FrameFormat good = raw_format(PixelFormat::i420, {64, 48});
  std::vector<std::uint8_t> payload(good.raw_bytes());
  const auto refused = [&](auto&& spoil) {
    FrameFormat bad = good;
    spoil(bad);
    return !view_of(bad, payload);
  };
  REQUIRE(view_of(good, payload));
  CHECK_FALSE(view_of(good, std::span(payload).first(payload.size() - 1)));
  CHECK_FALSE(view_of(good, {}));
  CHECK(refused([](FrameFormat& f) { f.codec = Codec::mjpeg; }));
  CHECK(refused([](FrameFormat& f) { f.pixel_format = PixelFormat::none; }));
  CHECK(refused([](FrameFormat& f) { f.pixel_format = static_cast<PixelFormat>(0x12345678); }));
  CHECK(refused([](FrameFormat& f) { f.plane_count = 2; }));
  CHECK(refused([](FrameFormat& f) { f.planes[2].offset_bytes += 1; }));
  CHECK(refused([](FrameFormat& f) { f.planes[2].offset_bytes = 0xffffffff; }));
  CHECK(refused([](FrameFormat& f) { f.planes[0].stride_bytes = 63; }));
  CHECK(refused([](FrameFormat& f) { f.planes[0].stride_bytes = 0xffffffff; }));
  CHECK(refused([](FrameFormat& f) { f.planes[1].rows = 23; }));
  CHECK(refused([](FrameFormat& f) { f.size = {0, 48}; }));
  CHECK(refused([](FrameFormat& f) { f.size = {64, 0xffffffff}; }));
  CHECK(refused([](FrameFormat& f) { f.size = {0xffffffff, 48}; }));
}

TEST_CASE("image: a last row without its padding still fits") {
  FrameFormat format = raw_format(PixelFormat::gray8, {10, 4}, {}, 64);
  std::vector<std::uint8_t> payload(64 * 3 + 10);
  CHECK(view_of(format, payload));
  payload.pop_back();
  CHECK_FALSE(view_of(format, payload));
}

TEST_CASE("image: an own picture has aligned rows and keeps its memory when it shrinks") {
  Image image;
  CHECK_FALSE(image.view());
  image.reshape(PixelFormat::i420, {641, 481}, test::colour(2));
  const std::uint8_t* memory = image.span().data[0];
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK(image.span().stride_bytes[i] % 64 == 0);
    CHECK(reinterpret_cast<std::uintptr_t>(image.span().data[i]) % 64 == 0);
  }
  CHECK(image.span().stride_bytes[0] > 641);
  image.reshape(PixelFormat::gray8, {16, 16}, {});
  CHECK(image.span().data[0] == memory);
  CHECK(image.span().data[1] == nullptr);
}

TEST_CASE("image: copying goes row by row between different strides and touches no padding") {
  const FrameFormat padded = raw_format(PixelFormat::nv12, {31, 9}, {}, 64);
  std::vector<std::uint8_t> bytes(padded.raw_bytes(), 7);
  Image image;
  image.reshape(PixelFormat::nv12, {31, 9}, {});
  test::waves(image.span());
  copy_image(image.view(), span_of(padded, bytes));
  CHECK(test::distance(view_of(padded, bytes), image.view()) == 0);
  CHECK(bytes[31] == 7);
  CHECK(bytes[63] == 7);
}

TEST_CASE("image: RGB and gray are full range, other raw video is limited unless told") {
  CHECK(full_range(PixelFormat::rgb24, test::colour(1)));
  CHECK(full_range(PixelFormat::gray8, test::colour(0)));
  CHECK(full_range(PixelFormat::gray8, test::colour(1)));
  CHECK_FALSE(full_range(PixelFormat::i420, test::colour(0)));
  CHECK(full_range(PixelFormat::i420, test::colour(2)));
  CHECK(full_range(PixelFormat::i420, jpeg_colour()));
}

TEST_CASE("image: formats and codecs have FFmpeg's names and come back from them") {
  for (const PixelFormat pixels : test::kAllFormats) {
    CHECK(to_av(pixels) != AV_PIX_FMT_NONE);
    CHECK(from_av(to_av(pixels)) == pixels);
  }
  CHECK(to_av(PixelFormat::none) == AV_PIX_FMT_NONE);
  CHECK(from_av(AV_PIX_FMT_YUVJ422P) == PixelFormat::i422);
  CHECK(from_av(AV_PIX_FMT_YUV420P10) == PixelFormat::none);
  for (const Codec codec : {Codec::raw, Codec::mjpeg, Codec::h264, Codec::hevc})
    CHECK(from_av(to_av(codec)) == codec);
  CHECK(from_av(AV_CODEC_ID_VP9) == Codec::none);
}

TEST_CASE("image: a decoder's frame is seen in place, and what can not be is refused") {
  const FramePtr frame = make_frame();
  frame->format = AV_PIX_FMT_YUVJ420P;
  frame->width = 33;
  frame->height = 17;
  REQUIRE(av_frame_get_buffer(frame.get(), 0) == 0);
  const ImageView view = view_of(*frame);
  REQUIRE(view);
  CHECK(view.pixel_format == PixelFormat::i420);
  CHECK(view.size == Size{33, 17});
  CHECK(view.data[2] == frame->data[2]);
  CHECK(view.stride_bytes[1] == frame->linesize[1]);
  CHECK(full_range(view.pixel_format, view.colour));
  frame->linesize[0] = -frame->linesize[0];
  CHECK_FALSE(view_of(*frame));
  frame->linesize[0] = -frame->linesize[0];
  frame->format = AV_PIX_FMT_YUV420P10;
  CHECK_FALSE(view_of(*frame));
}
