#include "sse/fragment.h"

#include <cstdlib>
#include <cstring>
#include <memory>
#include <random>

#include "av/ffmpeg_ptr.h"
#include "av/fmp4.h"

namespace bench {
namespace {

using namespace camring;
using namespace camring::av;
using Bytes = std::vector<std::uint8_t>;

// SPS and PPS.
const Bytes kSets{0,    0, 0, 1, 0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x04, 0x7b, 0x01,
                  0x10, 0, 0, 0, 1,    0x68, 0xcb, 0x80, 0x65, 0x2c, 0x80};

// Counts, and throws away.
int swallow(void* opaque, AvioWriteByte*, int size) {
  *static_cast<std::size_t*>(opaque) += static_cast<std::size_t>(size);
  return size;
}

class Muxer {
 public:
  Muxer() {
    AVFormatContext* raw = nullptr;
    av_call(avformat_alloc_output_context2(&raw, nullptr, "mp4", nullptr), "open muxer", "mp4");
    output_.reset(raw);
    constexpr int kBuffer = 1 << 16;
    auto* buffer = static_cast<unsigned char*>(av_malloc(kBuffer));
    io_.reset(avio_alloc_context(buffer, kBuffer, 1, &written_, nullptr, swallow, nullptr));
    raw->pb = io_.get();
    AVStream* track = avformat_new_stream(raw, nullptr);
    track->time_base = {1, 90000};
    AVCodecParameters& parameters = *track->codecpar;
    parameters.codec_type = AVMEDIA_TYPE_VIDEO;
    parameters.codec_id = AV_CODEC_ID_H264;
    parameters.width = 1920;
    parameters.height = 1080;
    parameters.extradata =
        static_cast<std::uint8_t*>(av_mallocz(kSets.size() + AV_INPUT_BUFFER_PADDING_SIZE));
    std::memcpy(parameters.extradata, kSets.data(), kSets.size());
    parameters.extradata_size = static_cast<int>(kSets.size());
    Dictionary options;
    options.set("movflags", "frag_every_frame+empty_moov+default_base_moof+skip_trailer");
    av_call(avformat_write_header(raw, options.address()), "write header", "mp4");
  }
  // The packet borrows the bytes, as one from a ring would.
  void write(std::span<const std::uint8_t> unit) {
    packet_->data = const_cast<std::uint8_t*>(unit.data());
    packet_->size = static_cast<int>(unit.size());
    packet_->pts = packet_->dts = time_;
    packet_->duration = 3000;
    packet_->flags = AV_PKT_FLAG_KEY;
    time_ += 3000;
    av_call(av_write_frame(output_.get(), packet_.get()), "write frame", "mp4");
  }

 private:
  std::size_t written_ = 0;
  std::int64_t time_ = 0;
  IoPtr io_;
  OutputPtr output_;
  PacketPtr packet_ = make_packet();
};

}  // namespace

std::vector<Side> fragment_sides(std::size_t size) {
  // One keyframe with its sets; a slice of noise without start codes.
  auto unit = std::make_shared<Bytes>(kSets);
  unit->insert(unit->end(), {0, 0, 0, 1, 0x65});
  std::mt19937 random(1);
  while (unit->size() < size) {
    const auto byte = static_cast<std::uint8_t>(random());
    unit->push_back(byte < 4 && unit->back() == 0 && unit->end()[-2] == 0 ? 0x55 : byte);
  }
  unit->back() = 0x80;
  auto copy = std::make_shared<Bytes>(size);
  auto writer = std::make_shared<Fmp4Writer>(Codec::h264, Size{1920, 1080}, kSets);
  auto muxer = std::make_shared<Muxer>();
  auto out = std::make_shared<Bytes>(size + 1024);
  return {
      {"memcpy", [unit, copy] { std::memcpy(copy->data(), unit->data(), unit->size()); }},
      {"camring fragment",
       [unit, writer, out] {
         const Fmp4Sample sample{*unit, 3000, true, 0};
         Fmp4Fragment fragment;
         fragment.samples = {&sample, 1};
         if (writer->plan(fragment) != Fmp4Fault::none || !writer->write(std::span(*out))) std::abort();
       }},
      {"libavformat mp4, every frame a fragment", [unit, muxer] { muxer->write(*unit); }},
  };
}

}  // namespace bench
