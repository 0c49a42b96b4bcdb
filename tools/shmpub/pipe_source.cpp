#include "pipe_source.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <string_view>

#include "app/log.h"
#include "av/convert.h"
#include "base/clock.h"

namespace camring::shmpub {
namespace {

constexpr int kBufferBytes = 1 << 16;
constexpr int kLookMs = 100;
constexpr std::size_t kHeadBytes = 10;
constexpr const char* kAdvice =
    "pipe y4m, MJPEG, H.264 or HEVC into it, e.g. ffmpeg -i IN -f yuv4mpegpipe - | shmpub - …";

Rate rate_of(const AVRational& rate) noexcept {
  if (rate.num <= 0 || rate.den <= 0) return {};
  return {static_cast<std::uint32_t>(rate.num), static_cast<std::uint32_t>(rate.den)};
}

}  // namespace

PipeSource::PipeSource(int fd, const app::Stop& stop, std::function<void()> waiting)
    : fd_(fd), stop_(stop), waiting_(std::move(waiting)) {
  if (::isatty(fd) == 1) throw Error(ExitCode::usage, "read stdin", "", "it is a terminal", kAdvice);
  app::log_debug("reading stdin");
}

// Never blocks past a stop.
int PipeSource::read_pipe(std::uint8_t* buffer, int bytes) {
  for (;;) {
    std::array<pollfd, 2> fds{{{fd_, POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    const int ready = ::poll(fds.data(), fds.size(), kLookMs);
    if (stop_.requested()) return AVERROR_EXIT;
    waiting_();
    if (ready <= 0 || fds[0].revents == 0) continue;
    const ssize_t got = ::read(fd_, buffer, static_cast<std::size_t>(bytes));
    if (got > 0) return static_cast<int>(got);
    if (got == 0) return AVERROR_EOF;
    if (errno != EINTR && errno != EAGAIN) return AVERROR(errno);
  }
}

// libavformat's way to read: what was looked at first comes first.
int PipeSource::read(void* self, std::uint8_t* buffer, int bytes) noexcept {
  auto& pipe = *static_cast<PipeSource*>(self);
  if (pipe.head_.empty()) return pipe.read_pipe(buffer, bytes);
  const std::size_t count = std::min(pipe.head_.size(), static_cast<std::size_t>(bytes));
  std::copy_n(pipe.head_.begin(), count, buffer);
  pipe.head_.erase(pipe.head_.begin(), pipe.head_.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<int>(count);
}

// False on a stop.
bool PipeSource::read_head() {
  while (head_.size() < kHeadBytes) {
    std::array<std::uint8_t, kHeadBytes> some{};
    const int got = read_pipe(some.data(), static_cast<int>(kHeadBytes - head_.size()));
    if (got == AVERROR_EXIT) return false;
    if (got < 0) break;
    head_.insert(head_.end(), some.begin(), some.begin() + got);
  }
  return true;
}

// Of JPEG images libavformat would take any stream for a list of files; the two video codecs it can tell
// apart.
const char* PipeSource::formats() const {
  const std::string_view head(reinterpret_cast<const char*>(head_.data()), head_.size());
  using namespace std::string_view_literals;
  if (head.starts_with("YUV4MPEG2")) return "yuv4mpegpipe";
  if (head.starts_with("\xff\xd8\xff"sv)) return "mjpeg";
  if (head.starts_with("\0\0\1"sv) || head.starts_with("\0\0\0\1"sv)) return "h264,hevc";
  throw Error(ExitCode::data, "read stdin", "", head.empty() ? "it is empty" : "no video that is known here",
              kAdvice);
}

void PipeSource::open() {
  if (!read_head()) return;
  const std::string names = formats();
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kBufferBytes, 0, this, &PipeSource::read, nullptr, nullptr));
  AVFormatContext* context = avformat_alloc_context();
  if (!io_ || context == nullptr) throw std::bad_alloc();
  context->pb = io_.get();
  context->flags |= AVFMT_FLAG_NOBUFFER;
  av::Dictionary options;
  options.set("format_whitelist", names);
  const AVInputFormat* only = av_find_input_format(names.c_str());  // none for a list: then it is found out
  const int result = avformat_open_input(&context, "pipe:0", only, options.address());  // frees it on failure
  if (result == AVERROR_EXIT) return;
  if (result < 0) throw Error(ExitCode::data, "read stdin", "", "no video that is known here", kAdvice);
  input_.reset(context);
  format_ = stream_format();
}

FrameFormat PipeSource::stream_format() const {
  if (input_->nb_streams == 0) throw Error(ExitCode::data, "read stdin", "", "no video in it", kAdvice);
  const AVStream& stream = *input_->streams[0];
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
  return av_rescale_q(packet_->pts, input_->streams[0]->time_base, {1, 1'000'000'000});
}

SourceEvent PipeSource::next(SourceFrame& frame, std::chrono::nanoseconds /*timeout*/) {
  if (!input_) {
    open();
    return input_ ? SourceEvent::changed : SourceEvent::idle;
  }
  av_packet_unref(packet_.get());
  const int result = av_read_frame(input_.get(), packet_.get());
  if (result == AVERROR_EXIT || stop_.requested()) return SourceEvent::idle;
  if (result == AVERROR_EOF && count_ == 0) {
    throw Error(ExitCode::data, "read stdin", "", "it ended before its first frame", kAdvice);
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
  frame.info.capture_ns = frame.info.source_capture_ns = now;
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
