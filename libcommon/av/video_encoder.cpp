#include "av/video_encoder.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <thread>

#include "av/bitstream.h"
#include "av/convert.h"
#include "av/h264_order.h"

extern "C" {
#include <libavutil/hwcontext.h>
#include <libavutil/opt.h>
}

namespace camring::av {
namespace {

constexpr std::array<EncoderKind, 11> kKinds{{
    {"nvenc", Codec::h264, "h264_nvenc", true, "an NVIDIA GPU and its driver (libnvidia-encode)"},
    {"vaapi", Codec::h264, "h264_vaapi", true,
     "a GPU with a VA-API driver (see vainfo) and access to /dev/dri/renderD128"},
    {"qsv", Codec::h264, "h264_qsv", true, "an Intel GPU and its media driver"},
    {"v4l2m2m", Codec::h264, "h264_v4l2m2m", true,
     "an encoder device of the kernel (/dev/video11 on a Raspberry Pi) and access to it"},
    {"x264", Codec::h264, "libx264", false, "an FFmpeg with libx264"},
    {"openh264", Codec::h264, "libopenh264", false, "an FFmpeg with libopenh264"},
    {"nvenc", Codec::hevc, "hevc_nvenc", true, "an NVIDIA GPU and its driver (libnvidia-encode)"},
    {"vaapi", Codec::hevc, "hevc_vaapi", true,
     "a GPU with a VA-API driver (see vainfo) and access to /dev/dri/renderD128"},
    {"qsv", Codec::hevc, "hevc_qsv", true, "an Intel GPU and its media driver"},
    {"v4l2m2m", Codec::hevc, "hevc_v4l2m2m", true,
     "an encoder device of the kernel (/dev/video11 on a Raspberry Pi) and access to it"},
    {"x265", Codec::hevc, "libx265", false, "an FFmpeg with libx265"},
}};
constexpr Rate kUsualRate{30, 1};
constexpr std::array<std::uint8_t, 4> kStartCode{0, 0, 0, 1};
// One thread of x264's fastest preset keeps up with this many pixels a second on a slow core; slices for more
// threads cost bits and time.
constexpr double kPixelsPerThread = 1920.0 * 1080 * 40;

int threads_for(const VideoOrder& order) {
  const double pixels = static_cast<double>(order.size.width) * order.size.height *
                        (order.rate.num != 0 ? order.rate.fps() : kUsualRate.fps());
  const int cores = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  return std::clamp(static_cast<int>(pixels / kPixelsPerThread) + 1, 1, cores);
}

// Drivers' own words seldom say what is missing.
Error does_not_open(const EncoderKind& kind, int error) {
  return {ExitCode::unavailable, "open an encoder", std::string(kind.name) + " (" + kind.library + ")",
          error_text(error) + " (it needs " + kind.needs + ")"};
}

// Asked of every encoder in its own words; what it does not know it leaves behind.
void set_private_options(Dictionary& options, std::string_view name, int threads) {
  if (name == "x264") {
    options.set("preset", "ultrafast");
    options.set("tune", "zerolatency");
    options.set("forced-idr", "1");
  } else if (name == "x265") {
    options.set("preset", "ultrafast");
    options.set("tune", "zerolatency");
    options.set("forced-idr", "1");
    options.set("x265-params", "log-level=none:scenecut=0:frame-threads=1:repeat-headers=0:pools=" +
                                   std::to_string(threads));
  } else if (name == "nvenc") {
    options.set("preset", "p1");
    options.set("tune", "ull");
    options.set("zerolatency", "1");
    options.set("delay", "0");
    options.set("forced-idr", "1");
  } else if (name == "vaapi") {
    options.set("async_depth", "1");
    options.set("idr_interval", "0");
  } else if (name == "qsv") {
    options.set("async_depth", "1");
    options.set("forced_idr", "1");
  } else if (name == "openh264") {
    options.set("allow_skip_frames", "0");
  }
}

void release_nothing(void* /*owner*/, std::uint8_t* /*data*/) {}

// The picture as a frame that borrows its pixels: without a buffer libavcodec would copy them.
bool borrow(const ImageView& picture, AVFrame& frame) {
  av_frame_unref(&frame);
  frame.format = to_av(picture.pixel_format);
  frame.width = static_cast<int>(picture.size.width);
  frame.height = static_cast<int>(picture.size.height);
  frame.color_range = picture.colour.range == 2 ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    frame.data[i] = const_cast<std::uint8_t*>(picture.data[i]);
    frame.linesize[i] = picture.stride_bytes[i];
  }
  frame.buf[0] = av_buffer_create(frame.data[0], 1, release_nothing, nullptr, AV_BUFFER_FLAG_READONLY);
  return frame.buf[0] != nullptr;
}

}  // namespace

std::span<const EncoderKind> encoder_kinds() noexcept { return kKinds; }

std::string encoder_names() {
  std::vector<std::string_view> names{"auto"};
  for (const EncoderKind& kind : kKinds) {
    if (std::find(names.begin(), names.end(), kind.name) == names.end()) names.push_back(kind.name);
  }
  std::string text;
  for (const std::string_view name : names) text += (text.empty() ? "" : ", ") + std::string(name);
  return text;
}

bool is_encoder_name(std::string_view name) noexcept {
  return name == "auto" || std::any_of(kKinds.begin(), kKinds.end(),
                                       [&](const EncoderKind& kind) { return kind.name == name; });
}

VideoEncoder::VideoEncoder(const EncoderKind& kind, const VideoOrder& order) : kind_(&kind), order_(order) {
  const AVCodec* codec = avcodec_find_encoder_by_name(kind.library);
  if (codec == nullptr) {
    throw Error(ExitCode::unavailable, "open an encoder", kind.library, "this FFmpeg is built without it");
  }
  context_.reset(avcodec_alloc_context3(codec));
  if (!context_) throw std::bad_alloc();
  AVCodecContext& context = *context_;
  const Rate rate = order.rate.num != 0 ? order.rate : kUsualRate;
  // Hardware is at home in NV12; software takes what comes.
  input_ = kind.hardware && kind.name != "nvenc" ? PixelFormat::nv12 : order.pixels;
  if (kind.name == "openh264" || kind.name == "x265") input_ = PixelFormat::i420;
  context.width = static_cast<int>(order.size.width);
  context.height = static_cast<int>(order.size.height);
  context.pix_fmt = to_av(input_);
  context.framerate = {static_cast<int>(rate.num), static_cast<int>(rate.den)};
  context.time_base = av_inv_q(context.framerate);
  context.bit_rate = static_cast<std::int64_t>(order.bitrate);
  context.rc_max_rate = context.bit_rate;
  context.rc_buffer_size = static_cast<int>(std::min<std::uint64_t>(order.bitrate, INT32_MAX));  // a second
  context.max_b_frames = 0;
  // We order keyframes by capture time; the encoder's own count is the net below.
  const double seconds = std::chrono::duration<double>(order.keyframe_interval).count();
  context.gop_size = static_cast<int>(std::clamp(seconds * rate.fps() * 2, 2.0, 100'000.0));
  context.color_range = order.colour.range == 2 ? AVCOL_RANGE_JPEG : AVCOL_RANGE_MPEG;
  context.color_primaries = static_cast<AVColorPrimaries>(order.colour.primaries);
  context.color_trc = static_cast<AVColorTransferCharacteristic>(order.colour.transfer);
  context.colorspace = static_cast<AVColorSpace>(order.colour.matrix);
  context.flags |= AV_CODEC_FLAG_GLOBAL_HEADER | AV_CODEC_FLAG_LOW_DELAY;
  context.thread_type = FF_THREAD_SLICE;
  context.thread_count = threads_for(order);
  if (kind.name == "vaapi") open_device();
  Dictionary options;
  set_private_options(options, kind.name, context.thread_count);
  const int result = avcodec_open2(&context, codec, options.address());
  if (result < 0) throw does_not_open(*kind_, result);
  if (context.extradata_size > 0) {
    learn_parameter_sets({context.extradata, static_cast<std::size_t>(context.extradata_size)});
  }
}

// VA-API encodes pictures in the GPU's memory only.
void VideoEncoder::open_device() {
  AVBufferRef* device = nullptr;
  const int result = av_hwdevice_ctx_create(&device, AV_HWDEVICE_TYPE_VAAPI, nullptr, nullptr, 0);
  if (result < 0) throw does_not_open(*kind_, result);
  device_.reset(device);
  BufferPtr pool(av_hwframe_ctx_alloc(device));
  if (!pool) throw std::bad_alloc();
  auto& frames = *reinterpret_cast<AVHWFramesContext*>(pool->data);
  frames.format = AV_PIX_FMT_VAAPI;
  frames.sw_format = to_av(input_);
  frames.width = context_->width;
  frames.height = context_->height;
  frames.initial_pool_size = 4;
  const int made = av_hwframe_ctx_init(pool.get());
  if (made < 0) throw does_not_open(*kind_, made);
  context_->pix_fmt = AV_PIX_FMT_VAAPI;
  context_->hw_frames_ctx = pool.release();
}

// Only the sets themselves: x264 puts an advertisement beside them.
void VideoEncoder::learn_parameter_sets(std::span<const std::uint8_t> bytes) {
  std::vector<std::uint8_t> sets;
  while (!bytes.empty()) {
    const NalUnit nal = next_nal(bytes);
    if (is_slice(order_.codec, nal)) break;
    if (!is_parameter_set(order_.codec, nal)) continue;
    sets.insert(sets.end(), kStartCode.begin(), kStartCode.end());
    sets.insert(sets.end(), nal.begin(), nal.end());
  }
  std::vector<std::uint8_t> repaired;
  if (order_.codec == Codec::h264 && deny_reordering(sets, repaired)) sets = std::move(repaired);
  if (!sets.empty()) extradata_ = std::move(sets);
}

bool VideoEncoder::fail(int error) noexcept {
  if (error != AVERROR(EAGAIN) && error != AVERROR_EOF) error_ = error;
  return false;
}

std::string VideoEncoder::failure() const { return error_ == 0 ? std::string() : error_text(error_); }

bool VideoEncoder::upload(const AVFrame& picture) {
  av_frame_unref(uploaded_.get());
  int result = av_hwframe_get_buffer(context_->hw_frames_ctx, uploaded_.get(), 0);
  if (result >= 0) result = av_hwframe_transfer_data(uploaded_.get(), &picture, 0);
  if (result >= 0) result = av_frame_copy_props(uploaded_.get(), &picture);
  return result >= 0 || fail(result);
}

bool VideoEncoder::push(const ImageView& picture, std::int64_t key, bool keyframe) {
  if (error_ != 0) return false;
  if (picture.pixel_format != input_ || picture.size != order_.size) return fail(AVERROR(EINVAL));
  if (!borrow(picture, *frame_)) return fail(AVERROR(ENOMEM));
  frame_->pts = key;
  frame_->pict_type = keyframe ? AV_PICTURE_TYPE_I : AV_PICTURE_TYPE_NONE;
  AVFrame* frame = frame_.get();
  if (context_->hw_frames_ctx != nullptr) {
    if (!upload(*frame)) return false;
    frame = uploaded_.get();
  }
  const int result = avcodec_send_frame(context_.get(), frame);
  av_frame_unref(frame_.get());
  return result >= 0 || fail(result);
}

void VideoEncoder::finish() noexcept {
  if (error_ == 0) (void)avcodec_send_frame(context_.get(), nullptr);
}

bool VideoEncoder::pull(EncodedUnit& out) {
  av_packet_unref(packet_.get());
  const int result = avcodec_receive_packet(context_.get(), packet_.get());
  if (result < 0) return fail(result);
  out.bytes = {packet_->data, static_cast<std::size_t>(packet_->size)};
  out.keyframe = (packet_->flags & AV_PKT_FLAG_KEY) != 0;
  out.key = packet_->pts;
  if (!out.keyframe) return true;
  bool own_sets = false;
  for (std::span<const std::uint8_t> rest = out.bytes; !rest.empty() && !own_sets;) {
    const NalUnit nal = next_nal(rest);
    if (is_slice(order_.codec, nal)) break;
    own_sets = is_parameter_set(order_.codec, nal);
  }
  if (own_sets) {
    learn_parameter_sets(out.bytes);
    if (order_.codec == Codec::h264 && deny_reordering(out.bytes, unit_)) out.bytes = unit_;
    return true;
  }
  unit_.assign(extradata_.begin(), extradata_.end());
  unit_.insert(unit_.end(), out.bytes.begin(), out.bytes.end());
  out.bytes = unit_;
  return true;
}

std::vector<EncoderTrial> try_encoders() {
  std::vector<EncoderTrial> trials;
  for (const EncoderKind& kind : kKinds) {
    EncoderTrial trial{&kind, {}};
    try {
      VideoOrder order;
      order.codec = kind.codec;
      order.size = {640, 360};
      VideoEncoder encoder(kind, order);
      Image picture;
      picture.reshape(encoder.input(), order.size, {});
      const FrameFormat format = raw_format(encoder.input(), order.size);
      const auto extents = plane_extents(encoder.input(), order.size);
      for (std::size_t plane = 0; plane < format.plane_count; ++plane) {
        for (std::uint32_t row = 0; row < extents[plane].rows; ++row) {
          std::uint8_t* const line =
              picture.span().data[plane] + std::ptrdiff_t{row} * picture.span().stride_bytes[plane];
          std::fill_n(line, extents[plane].row_bytes, std::uint8_t{128});
        }
      }
      // Some encoders hand out the first picture when the second has come.
      EncodedUnit unit;
      bool came = false;
      for (std::int64_t i = 0; i < 8 && !came && encoder.push(picture.view(), i, i == 0); ++i) {
        came = encoder.pull(unit);
      }
      if (!came) trial.reason = encoder.failure().empty() ? "it gives no pictures" : encoder.failure();
    } catch (const Error& error) {
      trial.reason = error.reason();
    }
    trials.push_back(std::move(trial));
  }
  return trials;
}

namespace {

template <class Wanted>
std::unique_ptr<VideoEncoder> open_first(std::string_view name, const VideoOrder& order,
                                         std::vector<const EncoderKind*>& passed_over, Wanted wanted) {
  std::string reasons;
  for (const EncoderKind& kind : kKinds) {
    if (kind.codec != order.codec || !wanted(kind)) continue;
    try {
      return std::make_unique<VideoEncoder>(kind, order);
    } catch (const Error& error) {
      passed_over.push_back(&kind);
      reasons += (reasons.empty() ? "" : "; ") + std::string(kind.name) + ": " + error.reason();
    }
  }
  throw Error(ExitCode::unavailable, "encode " + std::string(to_string(order.codec)), std::string(name),
              reasons.empty() ? "it does not encode this codec" : reasons,
              "see 'shmpub --list-encoders' for what works here");
}

}  // namespace

std::unique_ptr<VideoEncoder> open_encoder(std::string_view name, const VideoOrder& order,
                                           std::vector<const EncoderKind*>& passed_over) {
  return open_first(name, order, passed_over,
                    [&](const EncoderKind& kind) { return name == "auto" || kind.name == name; });
}

std::unique_ptr<VideoEncoder> open_software_encoder(const VideoOrder& order,
                                                    std::vector<const EncoderKind*>& passed_over) {
  return open_first("software", order, passed_over, [](const EncoderKind& kind) { return !kind.hardware; });
}

}  // namespace camring::av
