#include "av/jpeg_bands.h"

#include <random>

#include "av/ffmpeg_ptr.h"
#include "av/jpeg.h"
#include "catch.h"
#include "pictures.h"

using namespace camring;
using namespace camring::av;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes encode_in_bands(const ImageView& picture, std::size_t wanted, std::size_t& bands) {
  std::vector<Bytes> images;
  std::uint32_t top = 0;
  for (const std::uint32_t rows : jpeg_band_rows(picture.pixel_format, picture.size, wanted)) {
    JpegEncoder encoder(85);
    const auto bytes = encoder.encode(jpeg_band(picture, top, rows));
    images.emplace_back(bytes.begin(), bytes.end());
    top += rows;
  }
  REQUIRE(top == picture.size.height);
  bands = images.size();
  const std::vector<std::span<const std::uint8_t>> spans(images.begin(), images.end());
  Bytes out;
  REQUIRE(join_jpeg_bands(spans, picture.pixel_format, picture.size, out));
  return out;
}

// By a decoder that nobody here wrote and that is not the encoder's own library.
void check_by_libavcodec(const Bytes& jpeg, Size size) {
  const AVCodec* codec = avcodec_find_decoder(AV_CODEC_ID_MJPEG);
  CodecPtr context(avcodec_alloc_context3(codec));
  context->err_recognition = AV_EF_EXPLODE | AV_EF_CRCCHECK | AV_EF_BITSTREAM | AV_EF_BUFFER;
  REQUIRE(avcodec_open2(context.get(), codec, nullptr) >= 0);
  const PacketPtr packet = make_packet();
  REQUIRE(av_new_packet(packet.get(), static_cast<int>(jpeg.size())) >= 0);
  std::copy(jpeg.begin(), jpeg.end(), packet->data);
  REQUIRE(avcodec_send_packet(context.get(), packet.get()) >= 0);
  const FramePtr frame = make_frame();
  REQUIRE(avcodec_receive_frame(context.get(), frame.get()) >= 0);
  CHECK(frame->width == static_cast<int>(size.width));
  CHECK(frame->height == static_cast<int>(size.height));
  CHECK(frame->decode_error_flags == 0);
}

}  // namespace

TEST_CASE("jpeg bands: joined bands decode to the very pixels that the whole picture's image has") {
  for (const PixelFormat pixels :
       {PixelFormat::i420, PixelFormat::i422, PixelFormat::i444, PixelFormat::gray8}) {
    for (const Size size :
         {Size{640, 480}, Size{1920, 1080}, Size{641, 361}, Size{320, 200}, Size{64, 2000}}) {
      for (const std::size_t wanted : {1u, 2u, 3u, 4u, 11u}) {
        CAPTURE(pixels, size.width, size.height, wanted);
        Image picture;
        picture.reshape(pixels, size, jpeg_colour());
        test::waves(picture.span());
        std::size_t bands = 0;
        const Bytes joined = encode_in_bands(picture.view(), wanted, bands);
        CHECK(bands <= wanted);
        CHECK((bands > 1) == (wanted > 1 && size.height >= 128));
        JpegEncoder encoder(85);
        const auto whole = encoder.encode(picture.view());
        JpegDecoder decoder;
        Image a, b;
        REQUIRE(decoder.decode(whole, {}, a) == JpegStatus::ok);
        REQUIRE(decoder.decode(joined, {}, b) == JpegStatus::ok);
        const auto extents = plane_extents(pixels, size);
        for (std::size_t plane = 0; plane < kMaxPlanes; ++plane) {
          for (std::uint32_t y = 0; y < extents[plane].rows; ++y) {
            const auto* left = a.view().data[plane] + std::ptrdiff_t{y} * a.view().stride_bytes[plane];
            const auto* right = b.view().data[plane] + std::ptrdiff_t{y} * b.view().stride_bytes[plane];
            REQUIRE(std::equal(left, left + extents[plane].row_bytes, right));
          }
        }
        if (bands == 1) CHECK(joined == Bytes(whole.begin(), whole.end()));
        check_by_libavcodec(joined, size);
      }
    }
  }
}

TEST_CASE("jpeg bands: what is no JPEG is refused") {
  Image picture;
  picture.reshape(PixelFormat::i420, {320, 256}, jpeg_colour());
  test::waves(picture.span());
  JpegEncoder encoder(85);
  const auto bytes = encoder.encode(jpeg_band(picture.view(), 0, 128));
  const Bytes good(bytes.begin(), bytes.end());
  Bytes out;
  std::mt19937 random(7);
  for (std::size_t cut = 0; cut + 1 < good.size(); cut += 1 + random() % 5) {
    const Bytes part(good.begin(), good.begin() + static_cast<std::ptrdiff_t>(cut));
    const std::vector<std::span<const std::uint8_t>> bands{good, part};
    CHECK_FALSE(join_jpeg_bands(bands, PixelFormat::i420, {320, 256}, out));
  }
  CHECK_FALSE(join_jpeg_bands({}, PixelFormat::i420, {320, 256}, out));
}
