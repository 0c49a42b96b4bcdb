#include "encoder.h"

#include "av/jpeg.h"
#include "base/error.h"

namespace camring::shmpub {
namespace {

constexpr int kDefaultQuality = 80;

/// MJPEG through TurboJPEG: every picture a keyframe, chroma as the source has it.
class MjpegEncoder final : public Encoder {
 public:
  explicit MjpegEncoder(const OutputSpec& spec)
      : encoder_(spec.quality.value_or(kDefaultQuality)), pixels_(spec.pixels.value_or(PixelFormat::none)) {}

  [[nodiscard]] PixelFormat input(PixelFormat picture) const noexcept override {
    return pixels_ != PixelFormat::none ? pixels_ : av::JpegEncoder::nearest(picture);
  }
  [[nodiscard]] Colour colour(const Colour& /*picture*/) const noexcept override { return av::jpeg_colour(); }
  [[nodiscard]] Encoded encode(const av::ImageView& picture, bool /*keyframe*/) override {
    return {encoder_.encode(picture), true};
  }

 private:
  av::JpegEncoder encoder_;
  PixelFormat pixels_;
};

}  // namespace

bool can_encode(Codec codec) noexcept { return codec == Codec::raw || codec == Codec::mjpeg; }

bool encodes(Codec codec, PixelFormat pixels) noexcept {
  if (codec == Codec::mjpeg) return av::JpegEncoder::takes(pixels);
  return pixels == PixelFormat::i420 || pixels == PixelFormat::nv12;
}

std::string codecs_text() { return "raw and mjpeg"; }

std::unique_ptr<Encoder> make_encoder(const OutputSpec& spec) {
  if (spec.codec == Codec::mjpeg) return std::make_unique<MjpegEncoder>(spec);
  throw Error(ExitCode::internal, "make an encoder", spec.text,
              "there is none for " + std::string(to_string(spec.codec)));
}

}  // namespace camring::shmpub
