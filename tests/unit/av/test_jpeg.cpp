#include <turbojpeg.h>

#include <cstdlib>
#include <random>

#include "av/jpeg.h"
#include "catch.h"
#include "unit/av/pictures.h"

using namespace camring;
using namespace camring::av;

namespace {

std::vector<std::uint8_t> encoded(PixelFormat pixels, Size size, int quality = 90) {
  Image image;
  image.reshape(pixels, size, jpeg_colour());
  test::waves(image.span());
  JpegEncoder encoder(quality);
  const auto bytes = encoder.encode(image.view());
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("jpeg: planes of every layout and of odd sizes come back as they went in") {
  for (const PixelFormat pixels :
       {PixelFormat::i420, PixelFormat::i422, PixelFormat::i444, PixelFormat::gray8}) {
    for (const Size size : {Size{64, 48}, Size{65, 49}, Size{1, 1}, Size{17, 2}, Size{639, 361}}) {
      Image image, back;
      image.reshape(pixels, size, jpeg_colour());
      test::waves(image.span());
      JpegEncoder encoder(97);
      const auto bytes = encoder.encode(image.view());
      INFO(to_string(pixels) << " " << to_string(size));
      REQUIRE_FALSE(bytes.empty());
      CHECK(jpeg_is_whole(bytes));
      JpegDecoder decoder;
      REQUIRE(decoder.decode(bytes, {}, back) == JpegStatus::ok);
      CHECK(back.view().pixel_format == pixels);
      CHECK(back.view().size == size);
      CHECK(full_range(back.view().pixel_format, back.view().colour));
      CHECK(test::distance(image.view(), back.view()) <= 12);
    }
  }
}

TEST_CASE("jpeg: a tightly packed odd picture is not read beyond its planes") {
  // An odd row and column are repeated by the encoder, not taken from what lies behind the plane.
  const FrameFormat tight = raw_format(PixelFormat::i420, {33, 17});
  std::vector<std::uint8_t> payload(tight.raw_bytes());
  for (std::size_t i = 0; i < payload.size(); ++i) payload[i] = i < 33 * 17 ? 200 : 128;
  JpegEncoder encoder(95);
  const auto bytes = encoder.encode(view_of(tight, payload));
  Image back;
  JpegDecoder decoder;
  REQUIRE(decoder.decode(bytes, {}, back) == JpegStatus::ok);
  CHECK(test::flat(back.view(), 0, 200, 1));
}

TEST_CASE("jpeg: quality changes the size of the file") {
  CHECK(encoded(PixelFormat::i420, {320, 240}, 20).size() <
        encoded(PixelFormat::i420, {320, 240}, 90).size());
}

TEST_CASE("jpeg: formats that JPEG does not hold are refused, and the nearest that it holds is named") {
  Image image;
  JpegEncoder encoder(80);
  for (const PixelFormat pixels : test::kAllFormats) {
    image.reshape(pixels, {32, 32}, {});
    test::waves(image.span());
    CHECK(encoder.encode(image.view()).empty() != JpegEncoder::takes(pixels));
    CHECK(JpegEncoder::takes(JpegEncoder::nearest(pixels)));
  }
  CHECK(JpegEncoder::nearest(PixelFormat::nv12) == PixelFormat::i420);
  CHECK(JpegEncoder::nearest(PixelFormat::yuyv) == PixelFormat::i422);
}

TEST_CASE("jpeg: decoding shrinks as far as the target allows and not further") {
  CHECK(jpeg_reduction({1280, 720}, {}) == 1);
  CHECK(jpeg_reduction({1280, 720}, {1280, 720}) == 1);
  CHECK(jpeg_reduction({1280, 720}, {641, 360}) == 1);
  CHECK(jpeg_reduction({1280, 720}, {640, 360}) == 2);
  CHECK(jpeg_reduction({1281, 721}, {641, 361}) == 2);
  CHECK(jpeg_reduction({1280, 720}, {640, 361}) == 1);
  CHECK(jpeg_reduction({1280, 720}, {320, 180}) == 4);
  CHECK(jpeg_reduction({1280, 720}, {16, 16}) == 8);
  CHECK(jpeg_reduction({1280, 720}, {1920, 1080}) == 1);

  for (const PixelFormat pixels :
       {PixelFormat::i420, PixelFormat::i422, PixelFormat::i444, PixelFormat::gray8}) {
    const auto bytes = encoded(pixels, {161, 99});
    JpegDecoder decoder;
    Image back, expected;
    REQUIRE(decoder.decode(bytes, {81, 50}, back) == JpegStatus::ok);
    CHECK(back.view().size == Size{81, 50});
    expected.reshape(pixels, {81, 50}, jpeg_colour());
    test::waves(expected.span());
    INFO(to_string(pixels));
    CHECK(test::distance(back.view(), expected.view()) <= 24);
    REQUIRE(decoder.decode(bytes, {20, 10}, back) == JpegStatus::ok);
    CHECK(back.view().size == Size{21, 13});
    CHECK(decoder.full_size() == Size{161, 99});
  }
}

TEST_CASE("jpeg: a file that was cut anywhere is never taken for a picture") {
  const auto whole = encoded(PixelFormat::i422, {320, 240});
  JpegDecoder decoder;
  Image image;
  for (std::size_t length = 0; length + 1 < whole.size(); length += 1 + whole.size() / 200) {
    const auto cut = std::span(whole).first(length);
    INFO(length << " of " << whole.size());
    CHECK_FALSE(jpeg_is_whole(cut));
    CHECK_FALSE(usable(decoder.decode(cut, {}, image)));
    CHECK(decoder.decode(whole, {}, image) == JpegStatus::ok);
  }
  CHECK(decoder.decode(std::span(whole).first(whole.size() / 2), {}, image) == JpegStatus::truncated);
}

TEST_CASE(
    "jpeg: the size is read from the frame header, wherever that stands, and nothing is read behind the "
    "end") {
  auto whole = encoded(PixelFormat::i420, {322, 182});
  CHECK(jpeg_size(whole) == Size{322, 182});
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    const auto size = jpeg_size(cut);
    if (size) CHECK(*size == Size{322, 182});
  }
  whole.insert(whole.begin() + 2, {0xff, 0xfe, 0x00, 0x06, 'n', 'o', 't', 'e', 0xff});  // a comment, and fill
  CHECK(jpeg_size(whole) == Size{322, 182});
  CHECK_FALSE(jpeg_size(std::vector<std::uint8_t>(100, 0xff)));
  CHECK_FALSE(jpeg_size(std::vector<std::uint8_t>{0xff, 0xd8, 0xff, 0xe0, 0, 0, 0xff, 0xd9, 0, 0, 0, 0}));
}

TEST_CASE("jpeg: damage in the middle gives a picture that is marked, and the decoder goes on") {
  auto bytes = encoded(PixelFormat::i420, {320, 240});
  const auto good = bytes;
  std::fill_n(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2), 64, std::uint8_t{0x55});
  bytes.erase(bytes.begin() + static_cast<std::ptrdiff_t>(bytes.size() / 2 + 64),
              bytes.end() - 2);  // the rest is lost, the end marker is there
  JpegDecoder decoder;
  Image image;
  CHECK(decoder.decode(bytes, {}, image) == JpegStatus::damaged);
  CHECK(image.view().size == Size{320, 240});
  CHECK(decoder.decode(good, {}, image) == JpegStatus::ok);
}

TEST_CASE("jpeg: bytes between segments are tolerated but reported") {
  auto bytes = encoded(PixelFormat::i420, {64, 48});
  bytes.insert(bytes.end() - 2, 100, 0x11);
  JpegDecoder decoder;
  Image image;
  CHECK(decoder.decode(bytes, {}, image) == JpegStatus::warning);
}

TEST_CASE("jpeg: padding behind the end is whole; a thumbnail's end does not hide a missing one") {
  auto bytes = encoded(PixelFormat::i420, {64, 48});
  auto padded = bytes;
  padded.resize(padded.size() + 500, 0);
  CHECK(jpeg_is_whole(padded));

  // A small JPEG inside an APP1 segment, and the picture around it cut.
  const auto thumbnail = encoded(PixelFormat::i420, {16, 16});
  std::vector<std::uint8_t> nested(bytes.begin(), bytes.begin() + 2);
  const std::size_t segment = thumbnail.size() + 2;
  nested.insert(nested.end(),
                {0xff, 0xe1, static_cast<std::uint8_t>(segment >> 8), static_cast<std::uint8_t>(segment)});
  nested.insert(nested.end(), thumbnail.begin(), thumbnail.end());
  nested.insert(nested.end(), bytes.begin() + 2, bytes.end());
  CHECK(jpeg_is_whole(nested));
  nested.resize(nested.size() - 40);
  CHECK_FALSE(jpeg_is_whole(nested));
  JpegDecoder decoder;
  Image image;
  CHECK(decoder.decode(nested, {}, image) == JpegStatus::truncated);
}

TEST_CASE("jpeg: what is no JPEG is refused") {
  JpegDecoder decoder;
  Image image;
  const std::vector<std::uint8_t> zeros(1000), text(100, 'x'), only_start{0xff, 0xd8, 0xff, 0xd9};
  CHECK(decoder.decode({}, {}, image) == JpegStatus::corrupt);
  CHECK(decoder.decode(zeros, {}, image) == JpegStatus::corrupt);
  CHECK(decoder.decode(text, {}, image) == JpegStatus::corrupt);
  CHECK(decoder.decode(only_start, {}, image) == JpegStatus::corrupt);
  CHECK_FALSE(jpeg_is_whole({}));
  CHECK_FALSE(jpeg_is_whole(zeros));
}

TEST_CASE("jpeg: kinds that cameras do not make are called unsupported or decoded to RGB") {
  const std::vector<std::uint8_t> pixels(64 * 48 * 4, 90);
  const auto make = [&](int format, int subsampling) {
    const tjhandle handle = tjInitCompress();
    unsigned char* bytes = nullptr;
    unsigned long size = 0;
    REQUIRE(tjCompress2(handle, pixels.data(), 64, 0, 48, format, &bytes, &size, subsampling, 90, 0) == 0);
    std::vector<std::uint8_t> result(bytes, bytes + size);
    tjFree(bytes);
    tjDestroy(handle);
    return result;
  };
  JpegDecoder decoder;
  Image image;
  CHECK(decoder.decode(make(TJPF_CMYK, TJSAMP_444), {}, image) == JpegStatus::unsupported);
  CHECK(decoder.decode(make(TJPF_RGB, TJSAMP_440), {}, image) == JpegStatus::ok);
  CHECK(image.view().pixel_format == PixelFormat::rgb24);
  CHECK(test::flat(image.view(), 0, 90, 2));

  auto huge = encoded(PixelFormat::i420, {64, 48});
  const std::vector<std::uint8_t> sof{0xff, 0xc0};
  const auto at = std::search(huge.begin(), huge.end(), sof.begin(), sof.end());
  std::fill(at + 5, at + 9, std::uint8_t{0xfa});  // height and width
  CHECK(decoder.decode(huge, {}, image) == JpegStatus::unsupported);
}

TEST_CASE("jpeg: ten thousand damaged files neither crash nor stick") {
  const auto good = encoded(PixelFormat::i420, {96, 64}, 75);
  std::mt19937 random(7);
  JpegDecoder decoder;
  Image image;
  std::size_t kinds[6] = {};
  for (int round = 0; round < 10'000; ++round) {
    auto bytes = good;
    for (unsigned n = 1 + random() % 8; n > 0; --n)
      bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (round % 4 == 0) bytes.resize(random() % bytes.size());
    ++kinds[static_cast<std::size_t>(decoder.decode(bytes, round % 2 ? Size{} : Size{12, 8}, image))];
  }
  CHECK(kinds[static_cast<std::size_t>(JpegStatus::damaged)] > 0);
  CHECK(kinds[static_cast<std::size_t>(JpegStatus::corrupt)] > 0);
  CHECK(kinds[static_cast<std::size_t>(JpegStatus::truncated)] > 0);
  CHECK(decoder.decode(good, {}, image) == JpegStatus::ok);
}
