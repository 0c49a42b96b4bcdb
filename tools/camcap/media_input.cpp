#include "media_input.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>

#include "base/clock.h"
#include "url.h"

namespace camring::camcap {
namespace {

constexpr int kBufferBytes = 1 << 16;
constexpr std::size_t kHeadBytes = 10;
constexpr int kLookMs = 100;

std::string format_name(const AVFormatContext& context) {
  return context.iformat ? context.iformat->name : "";
}

void options_for(const SourceSpec& spec, const Options& options, av::Dictionary& out) {
  if (spec.kind == SourceKind::file) {
    // A playlist in a file must not make us fetch what it names from the network.
    out.set("protocol_whitelist", "file,crypto,data");
    return;
  }
  if (spec.kind != SourceKind::network) return;
  out.set("protocol_whitelist", "tcp,udp,rtp,rtsp,rtsps,http,https,tls,httpproxy,crypto");
  if (spec.address.starts_with("rtsp")) out.set("rtsp_transport", options.rtsp_transport);
  out.set("analyzeduration", 1'000'000);
}

[[noreturn]] void open_failed(int result, const SourceSpec& spec) {
  const bool network = spec.kind == SourceKind::network;
  if (result == AVERROR_EXIT) result = AVERROR(ETIMEDOUT);  // our own interruption; a stop looks at no error
  if (result == AVERROR_HTTP_UNAUTHORIZED || result == AVERROR_HTTP_FORBIDDEN) {
    throw Error(ExitCode::no_permission, "open stream", spec.name, "it refuses the user or the password",
                "put user:password into a file and name it with --credentials");
  }
  if (result == AVERROR_INVALIDDATA || result == AVERROR_DEMUXER_NOT_FOUND || result == AVERROR_EOF) {
    throw Error(ExitCode::data, network ? "open stream" : "open file", spec.name,
                "no video that is known here, or damaged from the start", "see what 'ffprobe' says of it");
  }
  av::av_call(result, network ? "open stream" : "open file", spec.name,
              network ? ExitCode::unavailable : ExitCode::data, network ? "is it reachable?" : "");
  throw Error(ExitCode::internal, "open source", spec.name, "no reason given");
}

}  // namespace

MediaInput::MediaInput(const SourceSpec& spec, const Options& options, const app::Stop& stop)
    : spec_(spec), stop_(stop) {
  if (spec.kind == SourceKind::network) timeout_ns_ = options.timeout.count();
  av::Dictionary dictionary;
  options_for(spec, options, dictionary);
  std::string address = spec.address;
  const AVInputFormat* only = nullptr;
  AVFormatContext* context = nullptr;
  const auto make_context = [&] {
    context = avformat_alloc_context();
    if (context == nullptr) throw std::bad_alloc();
    context->interrupt_callback = {&MediaInput::interrupted, this};
  };
  if (spec.kind == SourceKind::standard_input) {
    use_stdin();
    const std::string name = stdin_format();
    make_context();
    context->pb = io_.get();
    context->flags |= AVFMT_FLAG_NOBUFFER;
    only = av_find_input_format(name.c_str());
    dictionary.set("format_whitelist", name);
    address = "pipe:0";
  } else if (!options.credentials.empty()) {
    address = with_credentials(address, read_credentials(options.credentials));
  }
  if (context == nullptr) make_context();
  allow_time();
  // Frees the context when it fails.
  const int opened = avformat_open_input(&context, address.c_str(), only, dictionary.address());
  if (opened < 0) open_failed(opened, spec_);
  context_.reset(context);
  if (spec.kind != SourceKind::standard_input) {
    allow_time();
    const int found = avformat_find_stream_info(context, nullptr);
    if (found < 0) open_failed(found, spec_);
  }
  const int best = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (best < 0) throw Error(ExitCode::data, "open source", spec_.name, "there is no video in it");
  stream_ = static_cast<unsigned>(best);
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    context->streams[i]->discard = i == stream_ ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  const std::string format = format_name(*context);
  recorded_ = format != "rtsp" && context->duration > 0;
  has_times_ = spec.kind == SourceKind::file ||
               (format != "mjpeg" && format != "mpjpeg" && format != "h264" && format != "hevc");
}

MediaInput::~MediaInput() = default;

void MediaInput::allow_time() noexcept {
  deadline_ns_ = timeout_ns_ == 0 ? INT64_MAX : monotonic_ns() + timeout_ns_;
}

int MediaInput::interrupted(void* self) {
  const auto& input = *static_cast<const MediaInput*>(self);
  return input.stop_.requested() || monotonic_ns() > input.deadline_ns_ ? 1 : 0;
}

int MediaInput::read_pipe(std::uint8_t* buffer, int bytes) {
  for (;;) {
    std::array<pollfd, 2> waiting{{{STDIN_FILENO, POLLIN, 0}, {stop_.fd(), POLLIN, 0}}};
    const int ready = ::poll(waiting.data(), waiting.size(), kLookMs);
    if (stop_.requested()) return AVERROR_EXIT;
    if (ready <= 0 || waiting[0].revents == 0) continue;
    const ssize_t got = ::read(STDIN_FILENO, buffer, static_cast<std::size_t>(bytes));
    if (got > 0) return static_cast<int>(got);
    if (got == 0) return AVERROR_EOF;
    if (errno != EINTR && errno != EAGAIN) return AVERROR(errno);
  }
}

int MediaInput::read_stdin(void* self, std::uint8_t* buffer, int bytes) {
  auto& input = *static_cast<MediaInput*>(self);
  if (input.head_.empty()) return input.read_pipe(buffer, bytes);
  const std::size_t count = std::min(input.head_.size(), static_cast<std::size_t>(bytes));
  std::copy_n(input.head_.begin(), count, buffer);
  input.head_.erase(input.head_.begin(), input.head_.begin() + static_cast<std::ptrdiff_t>(count));
  return static_cast<int>(count);
}

void MediaInput::use_stdin() {
  if (::isatty(STDIN_FILENO) == 1) {
    throw Error(
        ExitCode::usage, "read stdin", "", "it is a terminal",
        "pipe y4m, MJPEG, H.264 or HEVC into it, e.g. ffmpeg -i IN -f yuv4mpegpipe - | camcap - cam0");
  }
  auto* buffer = static_cast<std::uint8_t*>(av_malloc(kBufferBytes));
  if (buffer == nullptr) throw std::bad_alloc();
  io_.reset(avio_alloc_context(buffer, kBufferBytes, 0, this, &MediaInput::read_stdin, nullptr, nullptr));
  if (!io_) throw std::bad_alloc();
}

std::string MediaInput::stdin_format() {
  std::array<std::uint8_t, kHeadBytes> some{};
  while (head_.size() < kHeadBytes) {
    const int got = read_pipe(some.data(), static_cast<int>(kHeadBytes - head_.size()));
    if (got <= 0) break;
    head_.insert(head_.end(), some.begin(), some.begin() + got);
  }
  using namespace std::string_view_literals;
  const std::string_view head(reinterpret_cast<const char*>(head_.data()), head_.size());
  if (head.starts_with("YUV4MPEG2")) return "yuv4mpegpipe";
  if (head.starts_with("\xff\xd8\xff"sv)) return "mjpeg";
  if (head.starts_with("\0\0\1"sv) || head.starts_with("\0\0\0\1"sv)) return "h264,hevc";
  if (stop_.requested()) return "yuv4mpegpipe";
  throw Error(ExitCode::data, "read stdin", "", head.empty() ? "it is empty" : "no video that is known here",
              "pipe y4m, MJPEG, H.264 or HEVC into it");
}

int MediaInput::read(AVPacket& packet) {
  for (;;) {
    allow_time();
    const int result = av_read_frame(context_.get(), &packet);
    if (stop_.requested()) return AVERROR_EXIT;
    if (result < 0) return monotonic_ns() > deadline_ns_ ? AVERROR(ETIMEDOUT) : result;
    if (static_cast<unsigned>(packet.stream_index) == stream_) return 0;
    av_packet_unref(&packet);
  }
}

Rate MediaInput::rate() const noexcept {
  AVRational rate = stream().avg_frame_rate;
  if (rate.num <= 0 || rate.den <= 0) rate = stream().r_frame_rate;
  if (!has_times_ || rate.num <= 0 || rate.den <= 0 || rate.num / rate.den > 1000) return {};
  return {static_cast<std::uint32_t>(rate.num), static_cast<std::uint32_t>(rate.den)};
}

std::optional<std::int64_t> MediaInput::time_ns(std::int64_t stamp) const noexcept {
  if (stamp == AV_NOPTS_VALUE) return std::nullopt;
  return av_rescale_q(stamp, stream().time_base, {1, 1'000'000'000});
}

}  // namespace camring::camcap
