#include "media_input.h"

#include <unistd.h>

#include "base/clock.h"
#include "url.h"

namespace camring::camcap {
namespace {

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
  if (spec.kind != SourceKind::standard_input) {
    open(options);
    return;
  }
  pipe_ = std::make_unique<av::VideoPipe>(STDIN_FILENO, stop.fd(), "camcap - " + options.ring);
  if (!pipe_->open()) throw Error(ExitCode::temporary, "read stdin", "", "stopped");
  has_times_ = pipe_->has_times();
}

void MediaInput::open(const Options& options) {
  if (spec_.kind == SourceKind::network) timeout_ns_ = options.timeout.count();
  av::Dictionary dictionary;
  options_for(spec_, options, dictionary);
  std::string address = spec_.address;
  if (!options.credentials.empty()) {
    address = with_credentials(address, read_credentials(options.credentials));
  }
  AVFormatContext* context = avformat_alloc_context();
  if (context == nullptr) throw std::bad_alloc();
  context->interrupt_callback = {&MediaInput::interrupted, this};
  allow_time();
  // Frees the context when it fails.
  const int opened = avformat_open_input(&context, address.c_str(), nullptr, dictionary.address());
  if (opened < 0) open_failed(opened, spec_);
  context_.reset(context);
  allow_time();
  const int found = avformat_find_stream_info(context, nullptr);
  if (found < 0) open_failed(found, spec_);
  const int best = av_find_best_stream(context, AVMEDIA_TYPE_VIDEO, -1, -1, nullptr, 0);
  if (best < 0) throw Error(ExitCode::data, "open source", spec_.name, "there is no video in it");
  stream_ = static_cast<unsigned>(best);
  for (unsigned i = 0; i < context->nb_streams; ++i) {
    context->streams[i]->discard = i == stream_ ? AVDISCARD_DEFAULT : AVDISCARD_ALL;
  }
  const std::string format = format_name(*context);
  recorded_ = format != "rtsp" && context->duration > 0;
  has_times_ = spec_.kind == SourceKind::file ||
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

int MediaInput::read(AVPacket& packet) {
  if (pipe_) {
    const int result = pipe_->read(packet);
    return stop_.requested() ? AVERROR_EXIT : result;
  }
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
