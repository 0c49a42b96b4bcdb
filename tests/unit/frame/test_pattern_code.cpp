#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "av/convert.h"
#include "av/ffmpeg_ptr.h"
#include "av/jpeg.h"
#include "av/scaler.h"
#include "catch.h"
#include "frame/pattern_code.h"
#include "frame/test_pattern.h"

using namespace camring;

namespace {

constexpr PatternCode kCode{0x89abcdef, 0x0123456789abcdefu};

struct Luma {
  Size size;
  std::vector<std::uint8_t> bytes;
  explicit Luma(Size wanted, std::uint8_t value = 128)
      : size(wanted), bytes(std::size_t{wanted.width} * wanted.height, value) {}
  std::uint8_t& at(std::uint32_t x, std::uint32_t y) { return bytes[std::size_t{y} * size.width + x]; }
  [[nodiscard]] std::optional<PatternCode> read() const { return read_code(bytes, size.width, size); }
};

Luma drawn(Size size, const PatternCode& code = kCode) {
  Luma luma(size);
  draw_code(luma.bytes, size.width, size, code);
  return luma;
}

// Nearest neighbour: the crudest scaler there is.
Luma picked(Luma& from, Size size) {
  Luma to(size);
  for (std::uint32_t y = 0; y < size.height; ++y) {
    for (std::uint32_t x = 0; x < size.width; ++x) {
      to.at(x, y) = from.at(x * from.size.width / size.width, y * from.size.height / size.height);
    }
  }
  return to;
}

Luma blurred(Luma& from, int radius) {
  Luma to(from.size);
  const auto width = static_cast<int>(from.size.width), height = static_cast<int>(from.size.height);
  for (int y = 0; y < height; ++y) {
    for (int x = 0; x < width; ++x) {
      int sum = 0, count = 0;
      for (int v = std::max(0, y - radius); v <= std::min(height - 1, y + radius); ++v) {
        for (int u = std::max(0, x - radius); u <= std::min(width - 1, x + radius); ++u, ++count) {
          sum += from.at(static_cast<std::uint32_t>(u), static_cast<std::uint32_t>(v));
        }
      }
      to.at(static_cast<std::uint32_t>(x), static_cast<std::uint32_t>(y)) =
          static_cast<std::uint8_t>(sum / count);
    }
  }
  return to;
}

FrameFormat i420(Size size) {
  FrameFormat format = raw_format(PixelFormat::i420, size, {30, 1});
  format.colour = TestPattern::colour(PixelFormat::i420);
  return format;
}

av::Image scaled(const av::ImageView& from, Size size) {
  av::Image to;
  to.reshape(PixelFormat::i420, size, from.colour);
  av::Scaler scaler;
  REQUIRE(scaler.scale(from, to.span()));
  return to;
}

std::optional<PatternCode> read_luma(const av::ImageView& picture) {
  const auto stride = static_cast<std::size_t>(picture.stride_bytes[0]);
  return read_code({picture.data[0], stride * (picture.size.height - 1) + picture.size.width}, stride,
                   picture.size);
}

}  // namespace

TEST_CASE("pattern code: what was drawn is read, at any size from the smallest on") {
  for (const Size size : {Size{160, 120}, Size{161, 121}, Size{320, 240}, Size{641, 479}, Size{1280, 720},
                          Size{1920, 1080}, Size{720, 1280}, Size{3840, 2160}}) {
    CAPTURE(to_string(size));
    for (const PatternCode& code : {kCode, PatternCode{}, PatternCode{~0u, ~std::uint64_t{0}}}) {
      CHECK(drawn(size, code).read() == code);
    }
  }
  CHECK_FALSE(drawn({159, 120}).read());
  CHECK_FALSE(drawn({160, 119}).read());
}

TEST_CASE("pattern code: it covers the height it says and nothing below") {
  for (const Size size : {Size{160, 120}, Size{1280, 720}, Size{641, 479}}) {
    Luma luma = drawn(size);
    for (std::uint32_t y = code_height(size.height); y < size.height; ++y) {
      for (std::uint32_t x = 0; x < size.width; ++x) REQUIRE(luma.at(x, y) == 128);
    }
  }
}

TEST_CASE("pattern code: it is found in luma that others share bytes with") {
  const Size size{320, 240};
  std::vector<std::uint8_t> yuyv(std::size_t{size.width} * 2 * size.height, 77);
  draw_code(yuyv, std::size_t{size.width} * 2, size, kCode, 2);
  CHECK(read_code(yuyv, std::size_t{size.width} * 2, size, 2) == kCode);
  for (std::size_t i = 1; i < yuyv.size(); i += 2) REQUIRE(yuyv[i] == 77);
}

TEST_CASE("pattern code: it survives scaling in any proportion") {
  Luma luma = drawn({1280, 720});
  for (const Size size : {Size{320, 180}, Size{160, 120}, Size{500, 333}, Size{1920, 1080}, Size{640, 720}}) {
    CAPTURE(to_string(size));
    CHECK(picked(luma, size).read() == kCode);
    const FrameFormat format = i420({1280, 720});
    std::vector<std::uint8_t> frame(format.raw_bytes());
    TestPattern(format).draw(frame, kCode);
    const av::Image small = scaled(av::view_of(format, frame), size);
    CHECK(read_luma(small.view()) == kCode);
  }
}

TEST_CASE("pattern code: it survives noise, blur, low contrast and brightness") {
  Luma luma = drawn({640, 360});
  std::mt19937 random(7);
  std::normal_distribution<double> noise(0, 40);
  Luma noisy = luma;
  for (auto& sample : noisy.bytes)
    sample = static_cast<std::uint8_t>(std::clamp(sample + noise(random), 0.0, 255.0));
  CHECK(noisy.read() == kCode);
  CHECK(blurred(luma, 4).read() == kCode);
  Luma pale = luma;
  for (auto& sample : pale.bytes) sample = static_cast<std::uint8_t>(150 + sample / 4);
  CHECK(pale.read() == kCode);
}

TEST_CASE("pattern code: JPEG of low quality at a quarter of the size leaves it readable") {
  const FrameFormat format = i420({1280, 720});
  std::vector<std::uint8_t> frame(format.raw_bytes());
  TestPattern(format).draw(frame, kCode);
  const av::Image small = scaled(av::view_of(format, frame), {320, 180});
  for (const int quality : {30, 10}) {
    CAPTURE(quality);
    av::JpegEncoder encoder(quality);
    av::JpegDecoder decoder;
    av::Image decoded;
    for (const av::ImageView& picture : {av::view_of(format, frame), small.view()}) {
      const auto jpeg = encoder.encode(picture);
      REQUIRE_FALSE(jpeg.empty());
      REQUIRE(av::usable(decoder.decode(jpeg, {}, decoded)));
      CHECK(read_luma(decoded.view()) == kCode);
    }
  }
}

TEST_CASE("pattern code: H.264 at a low bit rate leaves every frame readable") {
  const AVCodec* h264 = avcodec_find_encoder_by_name("libx264");
  if (h264 == nullptr) {
    WARN("skipped: this FFmpeg has no libx264");
    return;
  }
  const FrameFormat format = i420({640, 360});
  av_log_set_level(AV_LOG_QUIET);  // it likes to tell its statistics
  av::CodecPtr encoder(avcodec_alloc_context3(h264));
  encoder->width = 640;
  encoder->height = 360;
  encoder->pix_fmt = AV_PIX_FMT_YUV420P;
  encoder->time_base = {1, 30};
  encoder->bit_rate = 300'000;
  encoder->gop_size = 30;
  av::Dictionary options;
  options.set("preset", "ultrafast");
  options.set("tune", "zerolatency");
  REQUIRE(avcodec_open2(encoder.get(), h264, options.address()) == 0);
  const AVCodec* back = avcodec_find_decoder(AV_CODEC_ID_H264);
  av::CodecPtr decoder(avcodec_alloc_context3(back));
  decoder->thread_count = 1;
  REQUIRE(avcodec_open2(decoder.get(), back, nullptr) == 0);

  const TestPattern pattern(format);
  const av::FramePtr frame = av::make_frame(), decoded = av::make_frame();
  const av::PacketPtr packet = av::make_packet();
  std::vector<std::uint8_t> picture(format.raw_bytes());
  std::uint32_t read = 0;
  const auto receive = [&] {
    while (avcodec_receive_packet(encoder.get(), packet.get()) == 0) {
      REQUIRE(avcodec_send_packet(decoder.get(), packet.get()) == 0);
      while (avcodec_receive_frame(decoder.get(), decoded.get()) == 0) {
        const auto code = read_luma(av::view_of(*decoded));
        REQUIRE(code);
        CHECK(*code == PatternCode{read, read * 33'333'333ull + 123'456'789});
        ++read;
      }
    }
  };
  for (std::uint32_t i = 0; i < 60; ++i) {
    pattern.draw(picture, {i, i * 33'333'333ull + 123'456'789});
    frame->format = AV_PIX_FMT_YUV420P;
    frame->width = 640;
    frame->height = 360;
    frame->pts = i;
    REQUIRE(av_frame_get_buffer(frame.get(), 0) == 0);
    for (std::size_t p = 0; p < 3; ++p) {
      for (std::uint32_t y = 0; y < format.planes[p].rows; ++y) {
        std::copy_n(picture.data() + format.planes[p].offset_bytes + y * format.planes[p].stride_bytes,
                    format.planes[p].stride_bytes, frame->data[p] + std::ptrdiff_t{y} * frame->linesize[p]);
      }
    }
    REQUIRE(avcodec_send_frame(encoder.get(), frame.get()) == 0);
    av_frame_unref(frame.get());
    receive();
  }
  avcodec_send_frame(encoder.get(), nullptr);
  receive();
  avcodec_send_packet(decoder.get(), nullptr);
  while (avcodec_receive_frame(decoder.get(), decoded.get()) == 0) ++read;
  CHECK(read == 60);
}

TEST_CASE("pattern code: no code is read where there is none or where a cell was changed") {
  CHECK_FALSE(Luma({640, 360}).read());
  std::mt19937 random(3);
  Luma noise({640, 360});
  for (int i = 0; i < 200; ++i) {
    for (auto& sample : noise.bytes) sample = static_cast<std::uint8_t>(random());
    REQUIRE_FALSE(noise.read());
  }
  for (std::uint32_t cell = 0; cell < kCodeRows * kCodeColumns; ++cell) {
    Luma luma = drawn({640, 360});
    const std::uint32_t x = cell % kCodeColumns * 20, y = cell / kCodeColumns * 15;
    for (std::uint32_t v = y; v < y + 15; ++v) {
      for (std::uint32_t u = x; u < x + 20; ++u) luma.at(u, v) = luma.at(u, v) > 128 ? 16 : 235;
    }
    REQUIRE_FALSE(luma.read());
  }
}

TEST_CASE("pattern code: planes that are too small are neither read nor written beyond their end") {
  const Size size{320, 240};
  std::vector<std::uint8_t> some(1000, 128);
  draw_code(some, size.width, size, kCode);
  CHECK_FALSE(read_code(some, size.width, size));
}
