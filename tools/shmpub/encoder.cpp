#include "encoder.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "av/jpeg.h"
#include "av/jpeg_bands.h"
#include "base/error.h"
#include "video_encoding.h"

namespace camring::shmpub {
namespace {

constexpr int kDefaultQuality = 80;
constexpr double kReferencePixels = 1920.0 * 1080 * 30;
constexpr double kReferenceBitrate = 4e6;

// Smaller pictures are encoded before another thread is awake.
constexpr std::size_t kPixelsPerBand = 450'000;
constexpr std::size_t kMaxBands = 4;

/// One band of a picture.
class BandJob final : public Job {
 public:
  explicit BandJob(int quality) : encoder_(quality) {}
  void prepare(const av::ImageView& band) noexcept { band_ = band; }
  void run() override { bytes_ = encoder_.encode(band_); }
  [[nodiscard]] std::span<const std::uint8_t> bytes() const noexcept { return bytes_; }

 private:
  av::JpegEncoder encoder_;
  av::ImageView band_;
  std::span<const std::uint8_t> bytes_;
};

/// MJPEG through TurboJPEG: every picture a keyframe, chroma as the source has it. Large pictures are encoded
/// in bands by all threads that are free, so that a picture's time falls with the cores and order needs no
/// care.
class MjpegEncoder final : public Encoder {
 public:
  explicit MjpegEncoder(const EncoderOrder& order)
      : pixels_(order.pixels.value_or(PixelFormat::none)), workers_(order.workers) {
    const std::size_t threads = workers_ != nullptr ? workers_->width() : 1;
    const std::size_t worth = std::size_t{order.size.width} * order.size.height / kPixelsPerBand;
    wanted_ = std::clamp<std::size_t>(worth, 1, std::min(threads, kMaxBands));
    for (std::size_t i = 0; i < wanted_; ++i) {
      bands_.push_back(std::make_unique<BandJob>(order.quality.value_or(kDefaultQuality)));
    }
  }

  [[nodiscard]] PixelFormat input(PixelFormat picture) const noexcept override {
    return pixels_ != PixelFormat::none ? pixels_ : av::JpegEncoder::nearest(picture);
  }
  [[nodiscard]] Colour colour(const Colour& /*picture*/) const noexcept override { return av::jpeg_colour(); }
  [[nodiscard]] bool push(const av::ImageView& picture, std::int64_t key, bool /*keyframe*/) override {
    done_ = {encode(picture), true, key};
    return !done_.bytes.empty();
  }
  [[nodiscard]] bool pull(Encoded& out) override {
    out = std::exchange(done_, {});
    return !out.bytes.empty();
  }

 private:
  std::span<const std::uint8_t> encode(const av::ImageView& picture) {
    const auto rows = av::jpeg_band_rows(picture.pixel_format, picture.size, wanted_);
    jobs_.clear();
    std::uint32_t top = 0;
    for (std::size_t i = 0; i < rows.size(); ++i) {
      bands_[i]->prepare(av::jpeg_band(picture, top, rows[i]));
      jobs_.push_back(bands_[i].get());
      top += rows[i];
    }
    if (jobs_.size() == 1) {
      bands_[0]->run();
      return bands_[0]->bytes();
    }
    workers_->run_all(jobs_);
    images_.clear();
    for (std::size_t i = 0; i < rows.size(); ++i) {
      if (bands_[i]->bytes().empty()) return {};
      images_.push_back(bands_[i]->bytes());
    }
    if (!av::join_jpeg_bands(images_, picture.pixel_format, picture.size, joined_)) return {};
    return joined_;
  }

  PixelFormat pixels_;
  Workers* workers_;
  std::size_t wanted_ = 1;
  std::vector<std::unique_ptr<BandJob>> bands_;
  std::vector<Job*> jobs_;
  std::vector<std::span<const std::uint8_t>> images_;
  std::vector<std::uint8_t> joined_;
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
