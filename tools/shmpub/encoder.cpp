#include "encoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "av/jpeg.h"
#include "base/error.h"
#include "video_encoding.h"

namespace camring::shmpub {
namespace {

constexpr int kDefaultQuality = 80;
constexpr double kReferencePixels = 1920.0 * 1080 * 30;
constexpr double kReferenceBitrate = 4e6;

/// MJPEG through TurboJPEG: every picture a keyframe, chroma as the source has it.
class MjpegEncoder final : public Encoder {
 public:
  explicit MjpegEncoder(const EncoderOrder& order)
      : encoder_(order.quality.value_or(kDefaultQuality)),
        pixels_(order.pixels.value_or(PixelFormat::none)) {}

  [[nodiscard]] PixelFormat input(PixelFormat picture) const noexcept override {
    return pixels_ != PixelFormat::none ? pixels_ : av::JpegEncoder::nearest(picture);
  }
  [[nodiscard]] Colour colour(const Colour& /*picture*/) const noexcept override { return av::jpeg_colour(); }
  [[nodiscard]] bool push(const av::ImageView& picture, std::int64_t key, bool /*keyframe*/) override {
    done_ = {encoder_.encode(picture), true, key};
    return !done_.bytes.empty();
  }
  [[nodiscard]] bool pull(Encoded& out) override {
    out = std::exchange(done_, {});
    return !out.bytes.empty();
  }

 private:
  av::JpegEncoder encoder_;
  PixelFormat pixels_;
  Encoded done_;
};

}  // namespace

bool encodes(Codec codec, PixelFormat pixels) noexcept {
  if (codec == Codec::mjpeg) return av::JpegEncoder::takes(pixels);
  return pixels == PixelFormat::i420 || pixels == PixelFormat::nv12;
}

// Twice the pixels need less than twice the bits: neighbours look alike.
std::uint64_t usual_bitrate(Size size, Rate rate) noexcept {
  const double pixels =
      static_cast<double>(size.width) * size.height * (rate.num != 0 ? std::max(1.0, rate.fps()) : 30.0);
  const double bits = kReferenceBitrate * std::pow(pixels / kReferencePixels, 0.75);
  return static_cast<std::uint64_t>(std::max(64e3, std::round(bits / 10e3) * 10e3));
}

std::unique_ptr<Encoder> make_encoder(const EncoderOrder& order) {
  if (order.codec == Codec::mjpeg) return std::make_unique<MjpegEncoder>(order);
  return make_video_encoding(order);
}

}  // namespace camring::shmpub
