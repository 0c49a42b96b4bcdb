// Pictures to H.264 or HEVC through libavcodec, with whatever encoder the machine has, hardware or software,
// and in the form that live video needs: no B-frames, one picture in and one out, every keyframe with its
// parameter sets, and an SPS that promises decoders that nothing is reordered.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "av/ffmpeg_ptr.h"
#include "av/image.h"

namespace camring::av {

/// One of libavcodec's encoders under the name that users know it by.
struct EncoderKind {
  std::string_view name;  ///< "x264", "vaapi" …
  Codec codec = Codec::none;
  const char* library = nullptr;  ///< libavcodec's own name for it
  bool hardware = false;
  const char* needs = nullptr;  ///< what must be there for it to work
};
/// All that we know how to drive, in the order in which they are worth trying: hardware first.
[[nodiscard]] std::span<const EncoderKind> encoder_kinds() noexcept;
/// "auto, nvenc, vaapi …", each once.
[[nodiscard]] std::string encoder_names();
[[nodiscard]] bool is_encoder_name(std::string_view name) noexcept;

/// What a stream is to be.
struct VideoOrder {
  Codec codec = Codec::h264;
  Size size;  ///< both even
  Rate rate;  ///< num 0: not known; bits are then shared out as for 30 a second
  std::uint64_t bitrate = 2'000'000;
  std::chrono::nanoseconds keyframe_interval{std::chrono::seconds(1)};  ///< a hint: encode() orders keyframes
  PixelFormat pixels = PixelFormat::i420;                               ///< i420 or nv12
  Colour colour;
};

/// One access unit, Annex B.
struct EncodedUnit {
  std::span<const std::uint8_t> bytes;  ///< until the encoder's next call
  bool keyframe = false;
  std::int64_t key = 0;  ///< of the picture that it holds
};

/// One stream. One thread at a time, not always the same.
class VideoEncoder {
 public:
  /// @throws Error (unavailable) with what libavcodec says when it does not open here.
  VideoEncoder(const EncoderKind& kind, const VideoOrder& order);

  /// The pixel format that push() takes: i420 or nv12.
  [[nodiscard]] PixelFormat input() const noexcept { return input_; }
  /// Parameter sets, Annex B; empty while they are not known (some hardware tells them with the first
  /// keyframe).
  [[nodiscard]] const std::vector<std::uint8_t>& extradata() const noexcept { return extradata_; }
  [[nodiscard]] const EncoderKind& kind() const noexcept { return *kind_; }

  /// Takes one picture of the ordered size; its pixels are read before this returns.
  /// @param key  comes back with the access unit; greater than the one before
  /// @return false: the encoder failed; it is of no use any more
  [[nodiscard]] bool push(const ImageView& picture, std::int64_t key, bool keyframe);
  /// No picture follows: pull() gives what is still inside. Only pull() may be called from here on.
  void finish() noexcept;
  /// The next access unit; false: there is none (yet), or the encoder failed: see failure().
  [[nodiscard]] bool pull(EncodedUnit& out);
  /// What went wrong; empty while nothing did.
  [[nodiscard]] std::string failure() const;

 private:
  void open_device();
  [[nodiscard]] bool upload(const AVFrame& picture);
  void learn_parameter_sets(std::span<const std::uint8_t> bytes);
  [[nodiscard]] bool fail(int error) noexcept;

  struct UnrefBuffer {
    void operator()(AVBufferRef* buffer) const noexcept { av_buffer_unref(&buffer); }
  };
  using BufferPtr = std::unique_ptr<AVBufferRef, UnrefBuffer>;

  const EncoderKind* kind_;
  VideoOrder order_;
  PixelFormat input_ = PixelFormat::i420;
  BufferPtr device_;
  CodecPtr context_;
  FramePtr frame_ = make_frame(), uploaded_ = make_frame();
  PacketPtr packet_ = make_packet();
  std::vector<std::uint8_t> extradata_, unit_;
  int error_ = 0;
};

/// What came of trying one encoder.
struct EncoderTrial {
  const EncoderKind* kind;
  std::string reason;  ///< why it does not work; empty: it does
};
/// Has every encoder encode a small picture. Takes a second where drivers are slow.
[[nodiscard]] std::vector<EncoderTrial> try_encoders();

/// Opens the first encoder for the order that works here.
/// @param name   of encoder_kinds(), or "auto"
/// @param passed_over  those before it that did not open are added
/// @throws Error (unavailable) when none does.
[[nodiscard]] std::unique_ptr<VideoEncoder> open_encoder(std::string_view name, const VideoOrder& order,
                                                         std::vector<const EncoderKind*>& passed_over);
/// The same among those that need no hardware.
[[nodiscard]] std::unique_ptr<VideoEncoder> open_software_encoder(
    const VideoOrder& order, std::vector<const EncoderKind*>& passed_over);

}  // namespace camring::av
