// One way to turn pictures into a compressed stream, and what it takes to make one. What can be encoded at
// all is decided in encoder.cpp alone.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "av/image.h"
#include "output_spec.h"
#include "workers.h"

namespace camring::shmpub {

/// What one picture became.
struct Encoded {
  std::span<const std::uint8_t> bytes;  ///< until the encoder's next call
  bool keyframe = true;
  std::int64_t key = 0;  ///< of the picture
};

/// Encodes the pictures of one output, in order. One thread at a time, not always the same.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// The pixel format that push() takes for a picture that comes in this one.
  [[nodiscard]] virtual PixelFormat input(PixelFormat picture) const noexcept = 0;
  /// What the numbers of its input must mean.
  [[nodiscard]] virtual Colour colour(const Colour& picture) const noexcept = 0;
  /// Takes a picture; its pixels are read before this returns.
  /// @param key       comes back with what it becomes; greater than the one before
  /// @param keyframe  it must be decodable on its own
  /// @return false: it failed, and what failed was logged or counted by nobody yet
  [[nodiscard]] virtual bool push(const av::ImageView& picture, std::int64_t key, bool keyframe) = 0;
  /// What the pictures became, in order; false: nothing (more) by now.
  [[nodiscard]] virtual bool pull(Encoded& out) = 0;
  /// No picture follows; pull() gives what is still inside. Nothing but pull() may be called from here on.
  virtual void finish() {}
  /// Parameter sets for the ring's header; empty where the codec has none or they are not known yet.
  [[nodiscard]] virtual std::vector<std::uint8_t> extradata() const { return {}; }
  /// True once when the encoder was replaced since the last call: references are gone, a keyframe must come.
  [[nodiscard]] virtual bool began_anew() noexcept { return false; }
  /// What encodes, for people; empty where there is no choice.
  [[nodiscard]] virtual std::string name() const { return {}; }
};

/// What an encoder is made for.
struct EncoderOrder {
  Codec codec = Codec::mjpeg;
  Size size;
  Rate rate;                                     ///< num 0: not known
  PixelFormat source = PixelFormat::none;        ///< of raw sources
  Colour colour;                                 ///< of the source
  std::optional<PixelFormat> pixels;             ///< as ordered
  std::optional<int> quality;                    ///< mjpeg
  std::optional<std::uint64_t> bitrate;          ///< h264, hevc
  std::string encoder = "auto";                  ///< --encoder
  std::chrono::nanoseconds keyframe_interval{};  ///< --gop
  Workers* workers = nullptr;                    ///< for encoders that share out a picture; may be null
};

/// Whether the codec's stream can hold pictures of this format.
[[nodiscard]] bool encodes(Codec codec, PixelFormat pixels) noexcept;

/// Bits a second that look right for such a picture: 4 Mbit/s at 1080p30, and less than in proportion above
/// it.
[[nodiscard]] std::uint64_t usual_bitrate(Size size, Rate rate) noexcept;

/// @throws Error (unavailable) when none opens; says what was tried.
[[nodiscard]] std::unique_ptr<Encoder> make_encoder(const EncoderOrder& order);

}  // namespace camring::shmpub
