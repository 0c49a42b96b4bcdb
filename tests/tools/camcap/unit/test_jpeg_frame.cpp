#include <algorithm>
#include <random>
#include <vector>

#include "av/jpeg.h"
#include "catch.h"
#include "jpeg_frame.h"

using namespace camring;
using namespace camring::camcap;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes picture(Size size = {64, 48}, int quality = 80) {
  av::Image image;
  image.reshape(PixelFormat::i420, size, av::jpeg_colour());
  const av::ImageSpan& span = image.span();
  const auto extents = av::plane_extents(PixelFormat::i420, size);
  for (std::size_t plane = 0; plane < 3; ++plane) {
    for (std::uint32_t y = 0; y < extents[plane].rows; ++y) {
      for (std::uint32_t x = 0; x < extents[plane].row_bytes; ++x) {
        span.data[plane][std::ptrdiff_t{y} * span.stride_bytes[plane] + x] =
            static_cast<std::uint8_t>(x * 5 + y * 3 + plane * 40);
      }
    }
  }
  av::JpegEncoder encoder(quality);
  const auto jpeg = encoder.encode(image.view());
  return {jpeg.begin(), jpeg.end()};
}

// The JPEG without its Huffman tables, as AVI1 MJPEG has it.
Bytes without_tables(Bytes jpeg) {
  for (std::size_t at = 2; at + 4 < jpeg.size() && jpeg[at + 1] != 0xda;) {
    const std::size_t length = 2u + jpeg[at + 2] * 256u + jpeg[at + 3];
    const auto begin = jpeg.begin() + static_cast<std::ptrdiff_t>(at);
    if (jpeg[at + 1] == 0xc4) {
      jpeg.erase(begin, begin + static_cast<std::ptrdiff_t>(length));
    } else {
      at += length;
    }
  }
  return jpeg;
}

}  // namespace

TEST_CASE("jpeg frame: a whole image is found with its size") {
  const Bytes jpeg = picture({321, 123});
  const auto frame = find_jpeg(jpeg);
  REQUIRE(frame);
  CHECK(frame->size == Size{321, 123});
  CHECK(frame->bytes.size() == jpeg.size());
  CHECK(frame->huffman_tables);
}

TEST_CASE("jpeg frame: padding and junk behind the end are left off") {
  const Bytes jpeg = picture();
  for (const Bytes& junk : {Bytes(5000, 0), Bytes{0xff}, Bytes(100, 0xff), Bytes{1, 2, 0xd9, 3}}) {
    Bytes padded = jpeg;
    padded.insert(padded.end(), junk.begin(), junk.end());
    const auto frame = find_jpeg(padded);
    REQUIRE(frame);
    CHECK(frame->bytes.size() == jpeg.size());
  }
}

TEST_CASE("jpeg frame: one that was cut anywhere is none") {
  const Bytes jpeg = picture();
  for (std::size_t size = 0; size < jpeg.size(); ++size) {
    CAPTURE(size);
    REQUIRE_FALSE(find_jpeg(std::span(jpeg).first(size)));
  }
}

TEST_CASE("jpeg frame: the end of a thumbnail inside a header is not taken for the image's") {
  const Bytes jpeg = picture();
  Bytes with_thumbnail{0xff, 0xd8, 0xff, 0xe1, 0x00, 0x08, 0xff, 0xd8, 0x01, 0x02, 0xff, 0xd9};
  with_thumbnail.insert(with_thumbnail.end(), jpeg.begin() + 2, jpeg.end());
  CHECK(find_jpeg(with_thumbnail));
  CHECK_FALSE(find_jpeg(std::span(with_thumbnail).first(with_thumbnail.size() - 2)));
}

TEST_CASE("jpeg frame: what does not begin as a JPEG is none") {
  Bytes jpeg = picture();
  CHECK_FALSE(find_jpeg({}));
  CHECK_FALSE(find_jpeg(std::span(jpeg).subspan(1)));
  jpeg[3] = 0x12;  // no marker where one must be
  jpeg[2] = 0x34;
  CHECK_FALSE(find_jpeg(jpeg));
}

TEST_CASE("jpeg frame: the usual Huffman tables make an image without tables whole again") {
  const Bytes full = picture(), bare = without_tables(full);
  REQUIRE(bare.size() < full.size());
  const auto frame = find_jpeg(bare);
  REQUIRE(frame);
  CHECK_FALSE(frame->huffman_tables);
  Bytes completed(bare.begin(), bare.begin() + static_cast<std::ptrdiff_t>(frame->tables_at));
  const auto tables = usual_huffman_tables();
  completed.insert(completed.end(), tables.begin(), tables.end());
  completed.insert(completed.end(), bare.begin() + static_cast<std::ptrdiff_t>(frame->tables_at), bare.end());
  const auto again = find_jpeg(completed);
  REQUIRE(again);
  CHECK(again->huffman_tables);
  av::JpegDecoder decoder;
  av::Image from_full, from_completed;
  REQUIRE(decoder.decode(full, {}, from_full) == av::JpegStatus::ok);
  REQUIRE(decoder.decode(completed, {}, from_completed) == av::JpegStatus::ok);
  const av::ImageView a = from_full.view(), b = from_completed.view();
  for (std::uint32_t y = 0; y < 48; ++y) {
    REQUIRE(std::equal(a.data[0] + std::ptrdiff_t{y} * a.stride_bytes[0],
                       a.data[0] + std::ptrdiff_t{y} * a.stride_bytes[0] + 64,
                       b.data[0] + std::ptrdiff_t{y} * b.stride_bytes[0]));
  }
}

TEST_CASE("jpeg frame: whatever bytes come, the result lies inside them") {
  std::mt19937 random(5);
  const Bytes good = picture();
  for (int i = 0; i < 20000; ++i) {
    Bytes bytes = good;
    for (int k = 0; k < 1 + i % 6; ++k)
      bytes[random() % 700 % bytes.size()] = static_cast<std::uint8_t>(random());
    if (i % 3 == 0) bytes.resize(random() % (bytes.size() + 1));
    if (const auto frame = find_jpeg(bytes)) {
      REQUIRE(frame->bytes.data() == bytes.data());
      REQUIRE(frame->bytes.size() <= bytes.size());
      REQUIRE(frame->tables_at <= frame->bytes.size());
    }
  }
}
