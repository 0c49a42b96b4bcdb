#include "video_encoding.h"

#include "app/log.h"
#include "av/video_encoder.h"
#include "base/error.h"

namespace camring::shmpub {
namespace {

// So much without a failure, and the next one counts as the first.
constexpr std::uint64_t kForgiven = 1000;
// Some hardware keeps a picture or two; more without an answer is a hang.
constexpr std::uint64_t kMaxWaiting = 60;

/// libavcodec's encoder behind the interface of outputs.
class VideoEncoding final : public Encoder {
 public:
  explicit VideoEncoding(std::unique_ptr<av::VideoEncoder> encoder, const Colour& colour)
      : encoder_(std::move(encoder)), colour_(colour) {}
  [[nodiscard]] PixelFormat input(PixelFormat /*picture*/) const noexcept override {
    return encoder_->input();
  }
  [[nodiscard]] Colour colour(const Colour& /*picture*/) const noexcept override { return colour_; }
  [[nodiscard]] bool push(const av::ImageView& picture, std::int64_t key, bool keyframe) override {
    return encoder_->push(picture, key, keyframe);
  }
  [[nodiscard]] bool pull(Encoded& out) override {
    av::EncodedUnit unit;
    if (!encoder_->pull(unit)) return false;
    out = {unit.bytes, unit.keyframe, unit.key};
    return true;
  }
  void finish() override { encoder_->finish(); }
  [[nodiscard]] std::vector<std::uint8_t> extradata() const override { return encoder_->extradata(); }
  [[nodiscard]] std::string name() const override { return std::string(encoder_->kind().name); }

 private:
  std::unique_ptr<av::VideoEncoder> encoder_;
  Colour colour_;
};

// What the stream's numbers are to mean: the source's own, so that nothing is converted, told explicitly.
Colour stream_colour(const EncoderOrder& order) {
  Colour colour = order.colour;
  const bool rgb = order.source == PixelFormat::rgb24 || order.source == PixelFormat::bgr24;
  if (rgb) colour = {1, 2, 2, 6};  // what our conversion from RGB makes: limited, BT.601
  if (order.source == PixelFormat::gray8) colour.range = 1;
  if (colour.range == 0) colour.range = 1;
  return colour;
}

std::unique_ptr<Encoder> open(const EncoderOrder& order, bool software) {
  av::VideoOrder video;
  video.codec = order.codec;
  video.size = order.size;
  video.rate = order.rate;
  video.bitrate = order.bitrate.value_or(usual_bitrate(order.size, order.rate));
  video.keyframe_interval = order.keyframe_interval;
  video.pixels =
      order.pixels.value_or(order.source == PixelFormat::nv12 ? PixelFormat::nv12 : PixelFormat::i420);
  video.colour = stream_colour(order);
  std::vector<const av::EncoderKind*> passed_over;
  auto encoder = software ? av::open_software_encoder(video, passed_over)
                          : av::open_encoder(order.encoder, video, passed_over);
  // Said once per output: who expected hardware learns why there is none.
  std::string line = std::string(to_string(order.codec)) + " " + to_string(order.size) + " by " +
                     std::string(encoder->kind().name) +
                     (encoder->kind().hardware ? ", in hardware" : ", in software");
  for (std::size_t i = 0; i < passed_over.size(); ++i) {
    line += (i == 0 ? "; not here (see --list-encoders): " : ", ") + std::string(passed_over[i]->name);
  }
  app::log_info(line);
  return std::make_unique<VideoEncoding>(std::move(encoder), video.colour);
}

}  // namespace

LastingEncoder::LastingEncoder(std::string object, Opener open)
    : object_(std::move(object)), open_(std::move(open)), encoder_(open_(false)) {}

void LastingEncoder::replace() {
  if (good_ >= kForgiven && stage_ == Stage::reopened) stage_ = Stage::ordered;
  good_ = waiting_ = 0;
  anew_ = true;
  const std::string failed = encoder_->name();
  std::string reason = "it fails again and again";
  while (stage_ != Stage::software) {
    stage_ = stage_ == Stage::ordered ? Stage::reopened : Stage::software;
    const bool software = stage_ == Stage::software;
    app::log_warning(object_ + ": the encoder " + failed + " failed; " +
                     (software ? "going on in software" : "opening it again"));
    try {
      encoder_.reset();  // hardware has few sessions: the old one's is free before the new one asks
      encoder_ = open_(software);
      return;
    } catch (const Error& error) {
      reason = error.reason();
    }
  }
  throw Error(ExitCode::internal, "encode", object_, "the encoder " + failed + " failed: " + reason,
              "choose another with --encoder; --list-encoders says what works here");
}

bool LastingEncoder::push(const av::ImageView& picture, std::int64_t key, bool keyframe) {
  if (++waiting_ <= kMaxWaiting && encoder_->push(picture, key, keyframe)) return true;
  replace();
  return false;
}

bool LastingEncoder::pull(Encoded& out) {
  if (!encoder_->pull(out)) return false;
  waiting_ = 0;
  ++good_;
  return true;
}

std::unique_ptr<Encoder> make_video_encoding(const EncoderOrder& order) {
  const std::string object = std::string(to_string(order.codec)) + " " + to_string(order.size);
  return std::make_unique<LastingEncoder>(object, [order](bool software) { return open(order, software); });
}

}  // namespace camring::shmpub
