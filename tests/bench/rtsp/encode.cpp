#include <algorithm>
#include <random>

#include "av/video_encoder.h"
#include "clip.h"

namespace bench {
namespace {

constexpr std::uint32_t kWidth = 1920, kHeight = 1080;
constexpr std::size_t kPixels = std::size_t{kWidth} * kHeight;
// A part of the picture is new each time; its share decides how much larger keyframes are than other frames.
constexpr std::size_t kFresh = kPixels / 16;
constexpr std::size_t kBlock = 8;    // edge of what is equally bright: finer noise would be quantized away
constexpr int kLearning = 3 * kFps;  // frames until the encoder's rate control has settled

std::vector<std::uint8_t> make_noise(std::size_t rows) {
  std::minstd_rand random(1);
  std::vector<std::uint8_t> noise(rows * kWidth);
  for (std::size_t at = 0; at < noise.size(); ++at) {
    const std::size_t x = at % kWidth, y = at / kWidth;
    const bool corner = x % kBlock == 0 && y % kBlock == 0;
    noise[at] = corner            ? static_cast<std::uint8_t>(80 + (random() >> 8) % 40)
                : y % kBlock != 0 ? noise[at - kWidth]
                                  : noise[at - 1];
  }
  return noise;
}

}  // namespace

Clip make_clip(int units) {
  av_log_set_level(AV_LOG_ERROR);
  camring::av::VideoOrder order;
  order.size = {kWidth, kHeight};
  order.rate = {kFps, 1};
  order.bitrate = 4'000'000;
  std::vector<const camring::av::EncoderKind*> passed_over;
  const auto encoder = camring::av::open_encoder("x264", order, passed_over);

  const std::vector<std::uint8_t> noise = make_noise(std::size_t{2} * kHeight);
  std::vector<std::uint8_t> luma(noise.begin(), noise.begin() + kPixels), chroma(kPixels / 4, 128);
  camring::av::ImageView view;
  view.pixel_format = camring::PixelFormat::i420;
  view.size = order.size;
  view.data = {luma.data(), chroma.data(), chroma.data()};
  view.stride_bytes = {kWidth, kWidth / 2, kWidth / 2};

  Clip clip;
  camring::av::EncodedUnit unit;
  for (int i = 0; i < kLearning + units; ++i) {
    const std::size_t row = static_cast<std::size_t>(i) * 331 % kHeight;
    const auto from = noise.begin() + static_cast<std::ptrdiff_t>(row * kWidth);
    std::copy_n(from, kFresh, luma.begin());
    if (!encoder->push(view, i, i % kFps == 0)) break;
    while (encoder->pull(unit)) {
      if (i >= kLearning) clip.units.push_back(with_clock(unit.bytes, unit.keyframe));
    }
  }
  clip.extradata = encoder->extradata();
  return clip;
}

}  // namespace bench
