#include "media_source.h"

#include <algorithm>
#include <array>

#include "av/convert.h"
#include "base/clock.h"
#include "base/error.h"
#include "ffmpeg_log.h"
#include "url.h"

namespace camring::camcap {
namespace {

using namespace std::chrono_literals;

constexpr int kBadInARow = 500;  // unreadable packets, one behind the other, that end a source
constexpr auto kFirstPause = 250ms;
constexpr auto kLongestPause = 5s;

MediaClock::Kind clock_kind(const SourceSpec& spec, const Options& options) {
  if (spec.kind == SourceKind::network) return MediaClock::Kind::live;
  if (spec.kind == SourceKind::standard_input) return MediaClock::Kind::arrival;
  return options.fast ? MediaClock::Kind::fast : MediaClock::Kind::paced;
}

bool is_annexb(std::span<const std::uint8_t> extradata) {
  return extradata.size() >= 4 && extradata[0] == 0 && extradata[1] == 0 &&
         (extradata[2] == 1 || (extradata[2] == 0 && extradata[3] == 1));
}

std::span<const std::uint8_t> extradata_of(const AVCodecParameters& parameters) {
  return {parameters.extradata, static_cast<std::size_t>(std::max(0, parameters.extradata_size))};
}

Size size_of(const AVCodecParameters& parameters) {
  return {static_cast<std::uint32_t>(std::max(0, parameters.width)),
          static_cast<std::uint32_t>(std::max(0, parameters.height))};
}

}  // namespace

MediaSource::MediaSource(SourceSpec spec, const Options& options)
    : spec_(std::move(spec)), options_(options), clock_(clock_kind(spec_, options)) {
  tame_ffmpeg_log();
  // Read again at each connection, so that a password can be changed; refused right now if it is none.
  if (!options.credentials.empty()) (void)read_credentials(options.credentials);
}

void MediaSource::run(Output& output, const app::Stop& stop) {
  if (spec_.kind == SourceKind::network) return run_network(output, stop);
  for (;;) {
    const std::uint64_t before = output.frames();
    std::unique_ptr<MediaInput> input;
    try {
      input = std::make_unique<MediaInput>(spec_, options_, stop);
    } catch (const Error&) {
      if (stop.requested()) return;  // a stop in the middle of opening is no failure of the source
      throw;
    }
    output.source_up(true);
    prepare(*input, output);
    if (play(*input, output, stop) == End::stopped || output.done()) return;
    if (output.frames() == before) {
      throw Error(ExitCode::data, "play", spec_.name, "not a single frame could be taken from it",
                  "see what 'ffprobe' says of it");
    }
    if (!options_.loop) return;
    clock_.restart();
    output.discontinuity();
  }
}

void MediaSource::run_network(Output& output, const app::Stop& stop) {
  auto pause = std::chrono::nanoseconds(kFirstPause);
  while (!stop.requested() && !output.done()) {
    try {
      MediaInput input(spec_, options_, stop);
      output.source_up(true);
      prepare(input, output);
      if (input.recorded()) clock_ = MediaClock(MediaClock::Kind::paced);
      const std::uint64_t before = output.frames();
      const End end = play(input, output, stop);
      if (end == End::stopped || output.done() || (end == End::finished && input.recorded())) return;
      if (output.frames() > before) pause = kFirstPause;
      const std::string how = end == End::silent ? "went silent" : "was lost";
      if (options_.exit_on_device_error) {
        throw Error(ExitCode::temporary, "read stream", spec_.name, "it " + how,
                    "the supervisor starts camcap again");
      }
      lost_.report("stream " + spec_.name + " " + how + "; connecting again until it is back");
      output.reconnecting(end == End::silent ? "silent" : "lost");
    } catch (const Error& error) {
      if (stop.requested()) return;
      const bool final = error.code() == ExitCode::no_permission || error.code() == ExitCode::system ||
                         error.code() == ExitCode::config || error.code() == ExitCode::temporary;
      if (final || options_.exit_on_device_error) throw;
      lost_.report(std::string(error.what()) + "; trying again until it answers");
      output.reconnecting("unreachable");
    }
    output.source_up(false);
    clock_.restart();
    output.discontinuity();
    if (stop.wait_for(pause)) return;
    pause = std::min<std::chrono::nanoseconds>(pause * 2, kLongestPause);
  }
}

void MediaSource::prepare(const MediaInput& input, Output& output) {
  const AVCodecParameters& parameters = *input.stream().codecpar;
  const Codec codec = av::from_av(parameters.codec_id);
  const bool pass =
      codec != Codec::none && codec != Codec::raw && !options_.decode && options_.format.empty();
  coded_.reset();
  annexb_.reset();
  decoder_.reset();
  if (!pass) {
    const AVCodec* found = avcodec_find_decoder(parameters.codec_id);
    if (found == nullptr) {
      throw Error(ExitCode::data, "decode", spec_.name,
                  std::string("no decoder for ") + avcodec_get_name(parameters.codec_id));
    }
    decoder_.reset(avcodec_alloc_context3(found));
    if (!decoder_) throw std::bad_alloc();
    av::av_call(avcodec_parameters_to_context(decoder_.get(), &parameters), "decode", spec_.name);
    decoder_->pkt_timebase = input.stream().time_base;
    decoder_->thread_count = 0;
    if (spec_.kind == SourceKind::network)
      decoder_->thread_type = FF_THREAD_SLICE;  // frame threads add delay
    av::av_call(avcodec_open2(decoder_.get(), found, nullptr), "open decoder", spec_.name);
    return;
  }
  std::span<const std::uint8_t> extradata = extradata_of(parameters);
  if (codec != Codec::mjpeg && !extradata.empty() && !is_annexb(extradata)) {
    const AVBitStreamFilter* filter =
        av_bsf_get_by_name(codec == Codec::h264 ? "h264_mp4toannexb" : "hevc_mp4toannexb");
    AVBSFContext* made = nullptr;
    if (filter == nullptr)
      throw Error(ExitCode::internal, "pass through", spec_.name, "FFmpeg lacks mp4toannexb");
    av::av_call(av_bsf_alloc(filter, &made), "pass through", spec_.name);
    annexb_.reset(made);
    av::av_call(avcodec_parameters_copy(made->par_in, &parameters), "pass through", spec_.name);
    made->time_base_in = input.stream().time_base;
    av::av_call(av_bsf_init(made), "pass through", spec_.name);
    extradata = extradata_of(*made->par_out);
  }
  if (codec == Codec::mjpeg || !is_annexb(extradata)) extradata = {};
  coded_ = std::make_unique<CodedFeed>(output, codec, size_of(parameters), input.rate(), extradata);
}

MediaSource::End MediaSource::play(MediaInput& input, Output& output, const app::Stop& stop) {
  const av::PacketPtr packet = av::make_packet();
  const std::uint64_t before = output.frames();
  bool back = false;
  int bad = 0;
  while (!output.done()) {
    av_packet_unref(packet.get());
    output.beat();
    const int result = input.read(*packet);
    if (result == AVERROR_EXIT) return End::stopped;
    if (result == AVERROR_EOF) break;
    if (result == AVERROR(ETIMEDOUT)) return End::silent;
    if (result < 0 && spec_.kind == SourceKind::network) return End::lost;
    if (result < 0) {
      output.dropped(Drop::corrupt);
      if (++bad > kBadInARow) return End::lost;
      continue;
    }
    bad = 0;
    if (!take(*packet, input, output, stop)) return End::stopped;
    if (output.frames() > before && !back) {
      lost_.clear("stream " + spec_.name + " is back");
      back = true;
    }
  }
  if (decoder_ && !decode(nullptr, input, output, stop)) return End::stopped;
  return End::finished;
}

bool MediaSource::take(AVPacket& packet, const MediaInput& input, Output& output, const app::Stop& stop) {
  if (!coded_) return decode(&packet, input, output, stop);
  if (!annexb_) return feed_coded(packet, input, output, stop);
  if (av_bsf_send_packet(annexb_.get(), &packet) < 0) {
    output.dropped(Drop::corrupt);
    return true;
  }
  for (;;) {
    av_packet_unref(filtered_.get());
    const int result = av_bsf_receive_packet(annexb_.get(), filtered_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return true;
    if (result < 0) {
      output.dropped(Drop::corrupt);
      return true;
    }
    if (!feed_coded(*filtered_, input, output, stop)) return false;
  }
}

bool MediaSource::feed_coded(AVPacket& packet, const MediaInput& input, Output& output,
                             const app::Stop& stop) {
  if (packet.size <= 0) return true;
  const auto stamp = input.time_ns(packet.dts != AV_NOPTS_VALUE ? packet.dts : packet.pts);
  const auto due = clock_.next(input.has_times() ? stamp : std::nullopt,
                               input.time_ns(packet.duration).value_or(0), monotonic_ns());
  if (due.wait.count() > 0 && stop.wait_for(due.wait)) return false;
  if (due.jumped) output.discontinuity();
  FrameTiming timing{due.capture_ns, 0};
  if (spec_.kind != SourceKind::file) timing.flags |= frame_flag::inferred;
  if ((packet.flags & AV_PKT_FLAG_CORRUPT) != 0) timing.flags |= frame_flag::corrupt;
  coded_->put({packet.data, static_cast<std::size_t>(packet.size)}, timing);
  return !stop.requested();
}

bool MediaSource::decode(AVPacket* packet, const MediaInput& input, Output& output, const app::Stop& stop) {
  if (avcodec_send_packet(decoder_.get(), packet) < 0) {
    output.dropped(Drop::corrupt);
    return true;
  }
  while (!output.done()) {
    av_frame_unref(frame_.get());
    const int result = avcodec_receive_frame(decoder_.get(), frame_.get());
    if (result == AVERROR(EAGAIN) || result == AVERROR_EOF) return true;
    if (result < 0) {
      output.dropped(Drop::corrupt);
      return true;
    }
    const auto stamp = input.time_ns(frame_->best_effort_timestamp);
    const auto due = clock_.next(input.has_times() ? stamp : std::nullopt,
                                 input.time_ns(av::duration_of(*frame_)).value_or(0), monotonic_ns());
    if (due.wait.count() > 0 && stop.wait_for(due.wait)) return false;
    if (due.jumped) output.discontinuity();
    FrameTiming timing{due.capture_ns, frame_flag::keyframe};
    if (spec_.kind != SourceKind::file) timing.flags |= frame_flag::inferred;
    if ((frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0 || frame_->decode_error_flags != 0)
      timing.flags |= frame_flag::corrupt;
    put_picture(*frame_, input, output, timing);
    if (stop.requested()) return false;
  }
  return true;
}

// A format that rings don't carry (10 bits, palettes …) becomes the one that loses least. Empty on failure.
av::ImageView MediaSource::carried(const AVFrame& frame) {
  if (const av::ImageView picture = av::view_of(frame)) return picture;
  static constexpr std::array<AVPixelFormat, 6> kCarried{AV_PIX_FMT_YUV420P, AV_PIX_FMT_YUV422P,
                                                         AV_PIX_FMT_YUV444P, AV_PIX_FMT_RGB24,
                                                         AV_PIX_FMT_GRAY8,   AV_PIX_FMT_NONE};
  const auto from = static_cast<AVPixelFormat>(frame.format);
  const AVPixelFormat to = avcodec_find_best_pix_fmt_of_list(kCarried.data(), from, 0, nullptr);
  AVFrame& out = *converted_;
  if (out.format != to || out.width != frame.width || out.height != frame.height) {
    av_frame_unref(&out);
    out.format = to;
    out.width = frame.width;
    out.height = frame.height;
    if (av_frame_get_buffer(&out, 0) < 0) return {};
  }
  to_carried_.reset(sws_getCachedContext(to_carried_.release(), frame.width, frame.height, from, frame.width,
                                         frame.height, to, SWS_BILINEAR, nullptr, nullptr, nullptr));
  if (!to_carried_ || sws_scale(to_carried_.get(), frame.data, frame.linesize, 0, frame.height, out.data,
                                out.linesize) <= 0) {
    return {};
  }
  return av::view_of(out);
}

void MediaSource::put_picture(const AVFrame& frame, const MediaInput& input, Output& output,
                              const FrameTiming& timing) {
  const PixelFormat wished = options_.format.empty() ? PixelFormat::none : options_.pixel_format();
  const av::ImageView picture = carried(frame);
  if (!picture) return output.dropped(Drop::corrupt);
  FrameFormat format =
      raw_format(wished == PixelFormat::none ? picture.pixel_format : wished, picture.size, input.rate());
  format.colour = picture.colour;
  output.configure(format);
  Claim claim = output.claim();
  const av::ImageSpan target = av::span_of(output.format(), claim.data());
  if (!scaler_.scale(picture, target)) return output.dropped(Drop::corrupt);
  output.commit(std::move(claim), timing);
}

}  // namespace camring::camcap
