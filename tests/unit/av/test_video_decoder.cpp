#include "av/video_decoder.h"

extern "C" {
#include <libavutil/opt.h>
}

#include "av/convert.h"
#include "base/error.h"
#include "catch.h"
#include "frame/pattern_code.h"
#include "pictures.h"

using namespace camring;
using namespace camring::av;

namespace {

constexpr Size kSize{320, 240};
constexpr int kFrames = 40;

struct Unit {
  std::vector<std::uint8_t> bytes;
  std::int64_t shown = 0;  // place in the order of display: what the picture's code says
  bool keyframe = false;
};

// In the order of decoding, as x264 makes it with and without B pictures; keyframes in the stream every 16.
std::vector<Unit> encode(const char* encoder, int b_pictures) {
  const AVCodec* codec = avcodec_find_encoder_by_name(encoder);
  REQUIRE(codec != nullptr);
  CodecPtr context(avcodec_alloc_context3(codec));
  context->width = static_cast<int>(kSize.width);
  context->height = static_cast<int>(kSize.height);
  context->pix_fmt = AV_PIX_FMT_YUV420P;
  context->time_base = {1, 30};
  context->gop_size = 16;
  context->max_b_frames = b_pictures;
  context->color_range = AVCOL_RANGE_MPEG;
  context->colorspace = AVCOL_SPC_BT709;
  const std::string params = "bframes=" + std::to_string(b_pictures) + ":b-adapt=0:b-pyramid=" +
                             (b_pictures > 2 ? (std::string(encoder) == "libx264" ? "normal" : "1") : "0") +
                             (std::string(encoder) == "libx265" ? ":log-level=none:open-gop=0" : "");
  av_opt_set(context->priv_data, std::string(encoder) == "libx264" ? "x264-params" : "x265-params",
             params.c_str(), 0);
  av_call(avcodec_open2(context.get(), codec, nullptr), "open an encoder", encoder);
  std::vector<Unit> units;
  PacketPtr packet = make_packet();
  const auto take = [&] {
    while (avcodec_receive_packet(context.get(), packet.get()) >= 0) {
      units.push_back(
          {{packet->data, packet->data + packet->size}, packet->pts, (packet->flags & AV_PKT_FLAG_KEY) != 0});
      av_packet_unref(packet.get());
    }
  };
  for (int i = 0; i < kFrames; ++i) {
    Image picture;
    picture.reshape(PixelFormat::i420, kSize, {});
    test::fill(picture.span(), {{100}, {128}, {128}});
    const auto stride = static_cast<std::size_t>(picture.span().stride_bytes[0]);
    draw_code({picture.span().data[0], stride * kSize.height}, stride, kSize,
              {static_cast<std::uint32_t>(i), 0});
    FramePtr frame = make_frame();
    frame->width = context->width;
    frame->height = context->height;
    frame->format = context->pix_fmt;
    REQUIRE(av_frame_get_buffer(frame.get(), 0) >= 0);
    for (std::size_t plane = 0; plane < 3; ++plane) {
      const std::size_t row_bytes = plane == 0 ? kSize.width : kSize.width / 2;
      for (std::uint32_t y = 0; y < (plane == 0 ? kSize.height : kSize.height / 2); ++y) {
        std::copy_n(picture.span().data[plane] + std::ptrdiff_t{y} * picture.span().stride_bytes[plane],
                    row_bytes, frame->data[plane] + std::ptrdiff_t{y} * frame->linesize[plane]);
      }
    }
    frame->pts = i;
    REQUIRE(avcodec_send_frame(context.get(), frame.get()) >= 0);
    take();
  }
  REQUIRE(avcodec_send_frame(context.get(), nullptr) >= 0);
  take();
  REQUIRE(units.size() == kFrames);
  return units;
}

std::int64_t shown_in(const ImageView& picture) {
  const auto stride = static_cast<std::size_t>(picture.stride_bytes[0]);
  const auto code = read_code({picture.data[0], stride * picture.size.height}, stride, picture.size);
  return code ? static_cast<std::int64_t>(code->number) : -1;
}

struct Out {
  std::int64_t shown, capture_ns;
  std::uint64_t number, source_number;
  std::string metadata;
};

constexpr std::int64_t kStep = 33'000'000;

// @param presentation  frames carry the time at which they are shown; else that of their arrival
std::vector<Out> decode(const std::vector<Unit>& units, Codec codec, bool presentation,
                        std::size_t damaged = SIZE_MAX) {
  VideoDecoder decoder(coded_format(codec, kSize));
  std::vector<Out> all;
  DecodedFrame out;
  const auto take = [&] {
    while (decoder.pull(out)) {
      CHECK(out.frame.timeline_ns == out.frame.info.capture_ns);
      all.push_back({shown_in(out.picture), out.frame.info.capture_ns, out.frame.info.number,
                     out.frame.info.source_number, std::string(out.frame.metadata)});
    }
  };
  for (std::size_t i = 0; i < units.size(); ++i) {
    FrameRef frame;
    frame.info.number = 500 + i;
    frame.info.source_number = 900 + i;
    frame.info.flags = units[i].keyframe ? frame_flag::keyframe : 0;
    frame.info.capture_ns = kStep * (presentation ? units[i].shown : static_cast<std::int64_t>(i));
    frame.timeline_ns = frame.info.capture_ns;
    const std::string metadata = std::to_string(units[i].shown);
    frame.metadata = metadata;
    const std::vector<std::uint8_t> garbage(50, 0xa5);
    frame.payload = i == damaged ? std::span<const std::uint8_t>(garbage) : units[i].bytes;
    (void)decoder.push(frame);
    take();
  }
  decoder.finish();
  take();
  return all;
}

}  // namespace

TEST_CASE("video decoder: every picture comes once, in order, numbers and times rising, B pictures or not") {
  struct Case {
    Codec codec;
    const char* encoder;
    int b_pictures;
  };
  for (const Case& c : {Case{Codec::h264, "libx264", 0}, Case{Codec::h264, "libx264", 2},
                        Case{Codec::h264, "libx264", 3}, Case{Codec::hevc, "libx265", 2}}) {
    const auto units = encode(c.encoder, c.b_pictures);
    for (const bool presentation : {false, true}) {
      CAPTURE(c.encoder, c.b_pictures, presentation);
      const auto all = decode(units, c.codec, presentation);
      REQUIRE(all.size() == kFrames);
      for (std::size_t i = 0; i < all.size(); ++i) {
        CAPTURE(i);
        const auto place = static_cast<std::int64_t>(i);
        CHECK(all[i].shown == place);
        CHECK(all[i].number == 500 + i);
        CHECK(all[i].source_number == 900 + i);
        CHECK(all[i].capture_ns == kStep * place);
        CHECK(all[i].metadata == std::to_string(place));  // says what is in this very picture
      }
    }
  }
}

TEST_CASE("video decoder: a frame whose picture never comes does not make the others late") {
  const auto units = encode("libx264", 0);
  const auto all = decode(units, Codec::h264, false, 5);
  REQUIRE(all.size() > 20);
  const Out& last = all.back();
  CHECK(last.shown == kFrames - 1);
  CHECK(last.number == 500 + kFrames - 1);
  const auto reordered = decode(encode("libx264", 2), Codec::h264, false, 5);
  REQUIRE(reordered.size() > 20);
  CHECK(reordered.back().number == 500 + kFrames - 1);
}

TEST_CASE("video decoder: nothing comes before a keyframe, nor after a restart until the next") {
  const auto units = encode("libx264", 0);
  VideoDecoder decoder(coded_format(Codec::h264, kSize));
  DecodedFrame out;
  const auto push = [&](const Unit& unit) {
    FrameRef frame;
    frame.info.flags = unit.keyframe ? frame_flag::keyframe : 0;
    frame.payload = unit.bytes;
    CHECK(decoder.push(frame));
    return decoder.pull(out);
  };
  CHECK(decoder.waits_for_keyframe());
  CHECK_FALSE(push(units[1]));
  CHECK(push(units[0]));
  CHECK_FALSE(decoder.waits_for_keyframe());
  decoder.restart();
  CHECK_FALSE(push(units[1]));
  CHECK(decoder.waits_for_keyframe());
  CHECK(push(units[16]));
  CHECK(shown_in(out.picture) == 16);
}
