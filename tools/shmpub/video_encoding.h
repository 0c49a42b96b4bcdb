// H.264 and HEVC for an output, through failures: an encoder that fails is opened once more, then another one
// in software takes over; only then the tool gives up.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "encoder.h"

namespace camring::shmpub {

/// Keeps an encoder going. What it is made of comes from outside, so that failures can be tested.
class LastingEncoder final : public Encoder {
 public:
  /// Opens an encoder: as ordered, or one in software. @throws Error when it does not open.
  using Opener = std::function<std::unique_ptr<Encoder>(bool software)>;

  /// @param object  what is encoded, for messages: "cam0.high"
  LastingEncoder(std::string object, Opener open);

  [[nodiscard]] PixelFormat input(PixelFormat picture) const noexcept override {
    return encoder_->input(picture);
  }
  [[nodiscard]] Colour colour(const Colour& picture) const noexcept override {
    return encoder_->colour(picture);
  }
  /// A picture that failed is lost. @throws Error (internal) when nothing is left that could encode.
  [[nodiscard]] bool push(const av::ImageView& picture, std::int64_t key, bool keyframe) override;
  [[nodiscard]] bool pull(Encoded& out) override;
  void finish() override { encoder_->finish(); }
  [[nodiscard]] std::vector<std::uint8_t> extradata() const override { return encoder_->extradata(); }
  [[nodiscard]] bool began_anew() noexcept override { return std::exchange(anew_, false); }
  [[nodiscard]] std::string name() const override { return encoder_->name(); }

 private:
  void replace();

  std::string object_;
  Opener open_;
  std::unique_ptr<Encoder> encoder_;
  enum class Stage { ordered, reopened, software } stage_ = Stage::ordered;
  std::uint64_t good_ = 0;     // access units since the last failure
  std::uint64_t waiting_ = 0;  // pictures since the last access unit
  bool anew_ = false;
};

/// The encoder for an H.264 or HEVC order. @throws Error (unavailable) when none opens.
[[nodiscard]] std::unique_ptr<Encoder> make_video_encoding(const EncoderOrder& order);

}  // namespace camring::shmpub
