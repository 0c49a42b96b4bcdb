// Sizes, keyframes and what SPS say, beside FFmpeg's parsers on what x264 and x265 make.
#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "av/bitstream.h"
#include "av/convert.h"
#include "av/ffmpeg_ptr.h"
#include "av/sps.h"
#include "catch.h"

using namespace camring;
using namespace camring::av;

namespace {

struct Stream {
  std::string encoder;
  int width, height;
  AVPixelFormat pixels;
  std::string options;  // of the encoder: key=value,key=value
};

using Packets = std::vector<std::vector<std::uint8_t>>;

// Flat grey pictures. Empty where this FFmpeg lacks the encoder.
Packets encode(const Stream& stream, int pictures) {
  const AVCodec* codec = avcodec_find_encoder_by_name(stream.encoder.c_str());
  if (codec == nullptr) return {};
  const CodecPtr context(avcodec_alloc_context3(codec));
  context->width = stream.width;
  context->height = stream.height;
  context->pix_fmt = stream.pixels;
  context->time_base = {1, 30};
  context->gop_size = 8;
  context->max_b_frames = 0;
  if (stream.options.find("interlaced") != std::string::npos) context->flags |= AV_CODEC_FLAG_INTERLACED_DCT;
  AVDictionary* options = nullptr;
  av_dict_set(&options, "preset", "ultrafast", 0);
  av_dict_set(&options, stream.encoder == "libx264" ? "x264-params" : "x265-params",
              (stream.options + (stream.encoder == "libx264" ? "" : ":log-level=none")).c_str(), 0);
  const int opened = avcodec_open2(context.get(), codec, &options);
  av_dict_free(&options);
  REQUIRE(opened == 0);
  const FramePtr frame = make_frame();
  frame->width = stream.width;
  frame->height = stream.height;
  frame->format = stream.pixels;
  REQUIRE(av_frame_get_buffer(frame.get(), 0) == 0);
  Packets packets;
  const PacketPtr packet = make_packet();
  for (int i = 0; i <= pictures; ++i) {
    if (i < pictures) {
      REQUIRE(av_frame_make_writable(frame.get()) == 0);
      const bool cut = i >= 12 && stream.options.find("scenecut") != std::string::npos;
      const auto bytes =
          static_cast<std::size_t>(frame->linesize[0]) * static_cast<std::size_t>(stream.height);
      std::memset(frame->data[0], 16 + 8 * i, bytes);
      for (std::size_t at = 0; cut && at < bytes; ++at)
        frame->data[0][at] = static_cast<std::uint8_t>(at * at >> 3);
      frame->pts = i;
    }
    REQUIRE(avcodec_send_frame(context.get(), i < pictures ? frame.get() : nullptr) == 0);
    while (avcodec_receive_packet(context.get(), packet.get()) == 0) {
      packets.emplace_back(packet->data, packet->data + packet->size);
      av_packet_unref(packet.get());
    }
  }
  return packets;
}

// What FFmpeg's parser says of the same units.
class Oracle {
 public:
  explicit Oracle(AVCodecID codec)
      : context_(avcodec_alloc_context3(nullptr)), parser_(av_parser_init(codec)) {
    context_->codec_type = AVMEDIA_TYPE_VIDEO;
    context_->codec_id = codec;
    parser_->flags |= PARSER_FLAG_COMPLETE_FRAMES;
  }
  void parse(std::vector<std::uint8_t> unit) {
    const auto size = static_cast<int>(unit.size());
    unit.resize(unit.size() + AV_INPUT_BUFFER_PADDING_SIZE);
    std::uint8_t* out = nullptr;
    int bytes = 0;
    (void)av_parser_parse2(parser_.get(), context_.get(), &out, &bytes, unit.data(), size, AV_NOPTS_VALUE,
                           AV_NOPTS_VALUE, 0);
  }
  [[nodiscard]] bool keyframe() const { return parser_->key_frame == 1; }
  [[nodiscard]] Size size() const {
    return {static_cast<std::uint32_t>(parser_->width), static_cast<std::uint32_t>(parser_->height)};
  }

 private:
  CodecPtr context_;
  ParserPtr parser_;
};

}  // namespace

TEST_CASE("sps: sizes and keyframes are those that FFmpeg finds") {
  const std::vector<Stream> streams{
      {"libx264", 64, 48, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx264", 66, 50, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx264", 854, 480, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx264", 1920, 1080, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx264", 70, 54, AV_PIX_FMT_YUV422P, "keyint=4"},
      {"libx264", 71, 53, AV_PIX_FMT_YUV444P, "keyint=4"},
      {"libx264", 720, 484, AV_PIX_FMT_YUV420P, "keyint=4:interlaced=1"},
      {"libx264", 320, 240, AV_PIX_FMT_YUV420P, "keyint=8:intra-refresh=1"},
      {"libx264", 320, 180, AV_PIX_FMT_YUV420P,
       "keyint=4:open-gop=1:bframes=2:nal-hrd=vbr:vbv-maxrate=300:vbv-bufsize=300"},
      {"libx264", 320, 180, AV_PIX_FMT_YUV420P, "keyint=4:cqm=jvt"},
      {"libx264", 320, 180, AV_PIX_FMT_YUV420P, "keyint=16:min-keyint=16:scenecut=100:ref=1"},
      {"libx264", 320, 180, AV_PIX_FMT_YUV420P, "keyint=16:min-keyint=16:scenecut=100:ref=3"},
      {"libx265", 64, 64, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx265", 854, 482, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx265", 1920, 1080, AV_PIX_FMT_YUV420P, "keyint=4"},
      {"libx265", 70, 66, AV_PIX_FMT_YUV422P, "keyint=4"},
      {"libx265", 71, 65, AV_PIX_FMT_YUV444P, "keyint=4"},
      {"libx265", 128, 96, AV_PIX_FMT_YUV420P, "keyint=4:open-gop=1"},
  };
  for (const Stream& stream : streams) {
    CAPTURE(stream.encoder, stream.width, stream.height, stream.options);
    const bool h264 = stream.encoder == "libx264";
    const Packets packets = encode(stream, 24);
    if (packets.empty()) continue;
    StreamInspector inspector(h264 ? Codec::h264 : Codec::hevc);
    Oracle oracle(h264 ? AV_CODEC_ID_H264 : AV_CODEC_ID_HEVC);
    int keyframes = 0;
    for (const auto& packet : packets) {
      oracle.parse(packet);
      CHECK(inspector.inspect(packet).keyframe == oracle.keyframe());
      CHECK(inspector.size() == oracle.size());
      keyframes += oracle.keyframe();
    }
    CHECK(keyframes > 1);
    CHECK(inspector.size() ==
          Size{static_cast<std::uint32_t>(stream.width), static_cast<std::uint32_t>(stream.height)});
  }
}

TEST_CASE("sps: a stream with sets of two sizes has each picture's own") {
  const Packets small = encode({"libx264", 64, 48, AV_PIX_FMT_YUV420P, "keyint=1"}, 2);
  const Packets large = encode({"libx264", 128, 96, AV_PIX_FMT_YUV420P, "keyint=1:sps-id=3"}, 2);
  if (small.empty()) return;
  StreamInspector inspector(Codec::h264);
  (void)inspector.inspect(small[0]);
  (void)inspector.inspect(large[0]);
  CHECK(inspector.size() == Size{128, 96});
  // Its PPS has the same id: what came last counts.
  (void)inspector.inspect(small[0]);
  CHECK(inspector.size() == Size{64, 48});
}

TEST_CASE("sps: one that ends within its VUI still tells the size") {
  const Packets packets = encode({"libx264", 66, 50, AV_PIX_FMT_YUV420P, "keyint=1"}, 1);
  if (packets.empty()) return;
  std::span<const std::uint8_t> rest(packets[0]);
  NalUnit nal;
  do nal = next_nal(rest);
  while (nal_type(Codec::h264, nal) != 7);
  CHECK(parse_h264_sps(nal)->intact);
  const auto cut = parse_h264_sps(nal.first(nal.size() - 4));
  REQUIRE(cut);
  CHECK_FALSE(cut->intact);
  CHECK(cut->size == Size{66, 50});
  CHECK_FALSE(parse_h264_sps(nal.first(6)));
}

TEST_CASE("sps: recovery points are found among other messages") {
  const auto sei = [](std::vector<std::uint8_t> payloads) {
    payloads.insert(payloads.begin(), 6);
    payloads.push_back(0x80);
    return payloads;
  };
  CHECK(h264_recovery_point(sei({6, 1, 0xc4})));
  CHECK(h264_recovery_point(sei({1, 2, 9, 9, 6, 1, 0xc4})));
  std::vector<std::uint8_t> lengthy{5, 0xff, 45};
  lengthy.insert(lengthy.end(), 300, 7);
  CHECK_FALSE(h264_recovery_point(sei(lengthy)));
  lengthy.insert(lengthy.end(), {6, 1, 0xc4});
  CHECK(h264_recovery_point(sei(lengthy)));
  CHECK_FALSE(h264_recovery_point(sei({6, 0})));
  CHECK_FALSE(h264_recovery_point(sei({1, 200, 6, 1})));
  CHECK_FALSE(h264_recovery_point(std::vector<std::uint8_t>{6}));
  CHECK_FALSE(h264_recovery_point(std::vector<std::uint8_t>(100, 0xff)));
}
