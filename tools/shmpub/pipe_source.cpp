#include "pipe_source.h"

#include "app/log.h"
#include "av/convert.h"
#include "base/clock.h"

namespace camring::shmpub {
namespace {

Rate rate_of(const AVRational& rate) noexcept {
  if (rate.num <= 0 || rate.den <= 0) return {};
  return {static_cast<std::uint32_t>(rate.num), static_cast<std::uint32_t>(rate.den)};
}

}  // namespace

PipeSource::PipeSource(int fd, const app::Stop& stop, std::function<void()> waiting)
    : stop_(stop), pipe_(fd, stop.fd(), "shmpub - …", std::move(waiting)) {
  app::log_debug("reading stdin");
}

FrameFormat PipeSource::stream_format() const {
  const AVStream& stream = pipe_.stream();
  const AVCodecParameters& coded = *stream.codecpar;
  const Codec codec = av::from_av(coded.codec_id);
  if (codec != Codec::raw) return coded_format(codec, {});
  const PixelFormat pixels = av::from_av(static_cast<AVPixelFormat>(coded.format));
  if (pixels == PixelFormat::none || coded.width <= 0 || coded.height <= 0) {
    throw Error(ExitCode::data, "read stdin", "", "a pixel format that rings don't carry",
                "convert it first, e.g. ffmpeg … -pix_fmt yuv420p -f yuv4mpegpipe -");
  }
  FrameFormat format =
      raw_format(pixels, {static_cast<std::uint32_t>(coded.width), static_cast<std::uint32_t>(coded.height)},
                 rate_of(stream.avg_frame_rate));
  format.colour.range = static_cast<std::uint8_t>(coded.color_range);
  return format;
}

// Elementary streams have no times of their own (libavformat makes 25 frames a second up): as they arrive.
std::int64_t PipeSource::stream_time_ns(std::int64_t now) const noexcept {
  if (format_.compressed() || packet_->pts == AV_NOPTS_VALUE) return now;
  return av_rescale_q(packet_->pts, pipe_.stream().time_base, {1, 1'000'000'000});
}

SourceEvent PipeSource::next(SourceFrame& frame, std::chrono::nanoseconds /*timeout*/) {
  if (!opened_) {
    if (!pipe_.open()) return SourceEvent::idle;
    format_ = stream_format();
    opened_ = true;
    return SourceEvent::changed;
  }
  av_packet_unref(packet_.get());
  const int result = pipe_.read(*packet_);
  if (result == AVERROR_EXIT || stop_.requested()) return SourceEvent::idle;
  if (result == AVERROR_EOF && count_ == 0) {
    throw Error(ExitCode::data, "read stdin", "", "it ended before its first frame", pipe_.advice());
  }
  if (result == AVERROR_EOF) return SourceEvent::ended;
  if (result < 0) {
    throw Error(ExitCode::data, "read stdin", "",
                "broken behind frame " + std::to_string(count_) + ": " + av::error_text(result),
                "look at the program that writes it");
  }
  const auto bytes = static_cast<std::size_t>(packet_->size);
  if (bytes == 0 || bytes < format_.raw_bytes()) {
    ++losses_.corrupt;
    return SourceEvent::idle;
  }
  const std::int64_t now = monotonic_ns();
  frame = {};
  frame.info.number = frame.info.source_number = count_++;
  // When the pipe brought it: the only clock that readers downstream can compare with theirs.
  frame.info.capture_ns = frame.info.source_capture_ns = frame.info.publish_ns = now;
  frame.info.flags = frame_flag::inferred;
  if (!format_.compressed() || format_.codec == Codec::mjpeg || (packet_->flags & AV_PKT_FLAG_KEY) != 0) {
    frame.info.flags |= frame_flag::keyframe;
  }
  if ((packet_->flags & AV_PKT_FLAG_CORRUPT) != 0) frame.info.flags |= frame_flag::corrupt;
  frame.timeline_ns = stream_time_ns(now);
  frame.payload = {packet_->data, bytes};
  return SourceEvent::frame;
}

}  // namespace camring::shmpub
