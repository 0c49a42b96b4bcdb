// One way to turn pictures into a compressed stream. What this build can encode is decided in encoder.cpp
// alone.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "av/image.h"
#include "output_spec.h"

namespace camring::shmpub {

/// What one picture became.
struct Encoded {
  std::span<const std::uint8_t> bytes;  ///< until the encoder's next call; empty: it failed
  bool keyframe = true;
};

/// Encodes the pictures of one output, in order. One thread at a time, not always the same.
class Encoder {
 public:
  virtual ~Encoder() = default;
  /// What a picture of this pixel format must be converted to; itself where nothing is to be done.
  [[nodiscard]] virtual PixelFormat input(PixelFormat picture) const noexcept = 0;
  /// What the numbers of its input must mean.
  [[nodiscard]] virtual Colour colour(const Colour& picture) const noexcept = 0;
  /// @param keyframe  a reader asked for a keyframe
  [[nodiscard]] virtual Encoded encode(const av::ImageView& picture, bool keyframe) = 0;
};

/// Whether outputs of this codec can be written; raw ones always.
[[nodiscard]] bool can_encode(Codec codec) noexcept;
/// Whether the codec's stream can hold pictures of this format.
[[nodiscard]] bool encodes(Codec codec, PixelFormat pixels) noexcept;
[[nodiscard]] std::string codecs_text();  ///< "raw and mjpeg"

/// The encoder for an output of a codec that can_encode(). @throws Error when it does not open.
[[nodiscard]] std::unique_ptr<Encoder> make_encoder(const OutputSpec& spec);

}  // namespace camring::shmpub
