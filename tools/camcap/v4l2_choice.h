// Which of a camera's many modes to take: pure decisions, no device.
#pragma once

#include <optional>
#include <span>

#include "v4l2_device.h"

namespace camring::camcap {

/// How a V4L2 format travels through a ring.
struct RingFormat {
  Codec codec = Codec::none;
  PixelFormat pixel_format = PixelFormat::none;
};
/// Empty for formats that rings don't carry (Bayer, 10 bits …).
[[nodiscard]] std::optional<RingFormat> ring_format(std::uint32_t fourcc) noexcept;

struct V4l2Wish {
  Codec codec = Codec::none;  ///< none: any; raw with a pixel format
  PixelFormat pixel_format = PixelFormat::none;
  std::optional<Size> size;
  std::optional<Rate> rate;
};

/// The mode to ask for. Without a wish for it:
/// - size: the largest up to 1280x720, what a small machine can serve;
/// - rate: the lowest from 30 on, else the highest below;
/// - format: MJPEG, because it goes to browsers untouched and USB carries it at full rate; then raw formats,
///   which every tool takes (NV12, YU12, YUYV, UYVY, 422P, RGB3, BGR3, GREY); then H.264 and HEVC. A format
///   that does not reach the wanted rate stands behind one that does.
/// A size or rate that is not offered gives the nearest. Empty when no format fits the wish.
[[nodiscard]] std::optional<V4l2Mode> choose_mode(std::span<const V4l2Mode> modes, const V4l2Wish& wish);

/// The ring's format for what the driver settled for. Raw: with the driver's strides.
[[nodiscard]] FrameFormat frame_format(const V4l2Settings& settings, const RingFormat& kind);

}  // namespace camring::camcap
