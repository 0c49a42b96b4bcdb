// NUT keeps each frame's true capture time: what a recorder wants. libavformat writes it.
#include <optional>

#include "av/convert.h"
#include "av/ffmpeg_ptr.h"
#include "av/image.h"
#include "base/error.h"
#include "container.h"

namespace camring::shmcat {
namespace {

constexpr int kBufferBytes = 1 << 16;

class Nut final : public Container {
 public:
  void end(std::vector<std::uint8_t>& out) override {
    if (!context_) return;
    av_write_trailer(context_.get());  // the index, for those who seek
    avio_flush(context_->pb);
    out.insert(out.end(), pending_.begin(), pending_.end());
    pending_.clear();
  }

  void format(const FrameFormat& format) override {
    if (!context_) return open(format);
    if (format.codec != format_.codec || format.size != format_.size ||
        format.pixel_format != format_.pixel_format || format.extradata != format_.extradata) {
      throw Error(ExitCode::data, "write NUT", describe(format), "the ring's format changed in mid-stream",
                  "start shmcat again, or let shmpub make a ring of one size");
    }
    format_ = format;
  }

  void frame(const FrameInfo& info, std::span<const std::uint8_t> payload,
             std::vector<std::uint8_t>& out) override {
    if (!first_ns_) first_ns_ = info.capture_ns;
    out.insert(out.end(), pending_.begin(), pending_.end());
    pending_.clear();
    std::span<const std::uint8_t> bytes = payload;
    if (format_.codec == Codec::raw) bytes = tight(payload);
    const av::PacketPtr packet = av::make_packet();
    if (bytes.empty() || av_new_packet(packet.get(), static_cast<int>(bytes.size())) < 0) return;
    std::copy(bytes.begin(), bytes.end(), packet->data);
    const AVRational ns{1, 1'000'000'000};
    std::int64_t stamp = av_rescale_q(info.capture_ns - *first_ns_, ns, context_->streams[0]->time_base);
    stamp = std::max(stamp, last_stamp_ + 1);  // NUT's decoding times go up
    last_stamp_ = stamp;
    packet->pts = packet->dts = stamp;
    if (info.keyframe()) packet->flags |= AV_PKT_FLAG_KEY;
    av_write_frame(context_.get(), packet.get());
    av_write_frame(context_.get(), nullptr);
    out.insert(out.end(), pending_.begin(), pending_.end());
    pending_.clear();
  }

 private:
  // FFmpeg's raw video has rows without padding.
  std::span<const std::uint8_t> tight(std::span<const std::uint8_t> payload) {
    const av::ImageView from = av::view_of(format_, payload);
    if (!from) return {};
    FrameFormat packed = raw_format(format_.pixel_format, format_.size);
    packed.colour = format_.colour;
    tight_.resize(packed.raw_bytes());
    av::copy_image(from, av::span_of(packed, tight_));
    return tight_;
  }

  static int write(void* self, av::AvioWriteByte* bytes, int size) {
    auto& pending = static_cast<Nut*>(self)->pending_;
    pending.insert(pending.end(), bytes, bytes + size);
    return size;
  }

  void open(const FrameFormat& format) {
    format_ = format;
    AVFormatContext* context = nullptr;
    av::av_call(avformat_alloc_output_context2(&context, nullptr, "nut", nullptr), "write NUT", "",
                ExitCode::internal);
    context_.reset(context);
    auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
    if (buffer == nullptr) throw std::bad_alloc();
    io_.reset(avio_alloc_context(buffer, kBufferBytes, 1, this, nullptr, &Nut::write, nullptr));
    context->pb = io_.get();
    context->flags |= AVFMT_FLAG_FLUSH_PACKETS | AVFMT_FLAG_CUSTOM_IO;
    AVStream* stream = avformat_new_stream(context, nullptr);
    if (!io_ || stream == nullptr) throw std::bad_alloc();
    AVCodecParameters& parameters = *stream->codecpar;
    parameters.codec_type = AVMEDIA_TYPE_VIDEO;
    parameters.codec_id = av::to_av(format.codec);
    parameters.width = static_cast<int>(format.size.width);
    parameters.height = static_cast<int>(format.size.height);
    if (format.codec == Codec::raw) {
      parameters.format = av::to_av(format.pixel_format);
      parameters.codec_tag = avcodec_pix_fmt_to_codec_tag(av::to_av(format.pixel_format));
    }
    if (!format.extradata.empty()) {
      parameters.extradata =
          static_cast<std::uint8_t*>(av_mallocz(format.extradata.size() + AV_INPUT_BUFFER_PADDING_SIZE));
      if (parameters.extradata == nullptr) throw std::bad_alloc();
      std::copy(format.extradata.begin(), format.extradata.end(), parameters.extradata);
      parameters.extradata_size = static_cast<int>(format.extradata.size());
    }
    stream->time_base = {1, 1'000'000};
    if (format.rate.num != 0) {
      stream->avg_frame_rate = {static_cast<int>(format.rate.num), static_cast<int>(format.rate.den)};
    }
    av::av_call(avformat_write_header(context, nullptr), "write NUT", describe(format), ExitCode::internal);
    avio_flush(context->pb);
  }

  FrameFormat format_;
  std::vector<std::uint8_t> pending_, tight_;
  av::IoPtr io_;
  av::OutputPtr context_;
  std::optional<std::int64_t> first_ns_;
  std::int64_t last_stamp_ = -1;
};

}  // namespace

std::unique_ptr<Container> make_nut() { return std::make_unique<Nut>(); }

}  // namespace camring::shmcat
