#include "v4l2_choice.h"

#include <linux/videodev2.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <tuple>

namespace camring::camcap {
namespace {

struct KnownFormat {
  std::uint32_t fourcc;
  RingFormat format;
};

// In order of preference.
constexpr std::array<KnownFormat, 15> kKnown{{
    {V4L2_PIX_FMT_MJPEG, {Codec::mjpeg, PixelFormat::none}},
    {V4L2_PIX_FMT_JPEG, {Codec::mjpeg, PixelFormat::none}},
    {V4L2_PIX_FMT_NV12, {Codec::raw, PixelFormat::nv12}},
    {V4L2_PIX_FMT_NV12M, {Codec::raw, PixelFormat::nv12}},
    {V4L2_PIX_FMT_YUV420, {Codec::raw, PixelFormat::i420}},
    {V4L2_PIX_FMT_YUV420M, {Codec::raw, PixelFormat::i420}},
    {V4L2_PIX_FMT_YUYV, {Codec::raw, PixelFormat::yuyv}},
    {V4L2_PIX_FMT_UYVY, {Codec::raw, PixelFormat::uyvy}},
    {V4L2_PIX_FMT_YUV422P, {Codec::raw, PixelFormat::i422}},
    {V4L2_PIX_FMT_YUV422M, {Codec::raw, PixelFormat::i422}},
    {V4L2_PIX_FMT_RGB24, {Codec::raw, PixelFormat::rgb24}},
    {V4L2_PIX_FMT_BGR24, {Codec::raw, PixelFormat::bgr24}},
    {V4L2_PIX_FMT_GREY, {Codec::raw, PixelFormat::gray8}},
    {V4L2_PIX_FMT_H264, {Codec::h264, PixelFormat::none}},
    {V4L2_PIX_FMT_HEVC, {Codec::hevc, PixelFormat::none}},
}};

std::size_t rank(std::uint32_t fourcc) noexcept {
  return static_cast<std::size_t>(
      std::find_if(kKnown.begin(), kKnown.end(), [&](const auto& known) { return known.fourcc == fourcc; }) -
      kKnown.begin());
}

bool fits(const V4l2Mode& mode, const V4l2Wish& wish) noexcept {
  const auto kind = ring_format(mode.fourcc);
  if (!kind) return false;
  if (wish.codec == Codec::none) return true;
  return kind->codec == wish.codec && (wish.codec != Codec::raw || kind->pixel_format == wish.pixel_format);
}

double area(Size size) noexcept { return double(size.width) * size.height; }

// How far a size is from what is wanted; less is better. A size that the driver does not tell may be right.
double size_distance(Size size, std::optional<Size> wanted) noexcept {
  if (size.width == 0) return 0;
  if (wanted) {
    if (size == *wanted) return 0;
    return 1 + std::abs(double(size.width) - wanted->width) + std::abs(double(size.height) - wanted->height);
  }
  constexpr Size kMost{1280, 720};
  const bool larger = size.width > kMost.width || size.height > kMost.height;
  return larger ? area(kMost) + area(size) : area(kMost) - area(size);
}

// Reaching the rate counts before the format, the rate's excess or lack after it.
std::tuple<bool, std::size_t, double> order(const V4l2Mode& mode, double wanted) noexcept {
  const double fps = mode.rate.num == 0 ? wanted : mode.rate.fps();
  const bool slower = fps < wanted - 0.01;
  return {slower, slower ? 0 : rank(mode.fourcc),
          slower ? wanted - fps + 0.001 * double(rank(mode.fourcc)) : fps - wanted};
}

}  // namespace

std::optional<RingFormat> ring_format(std::uint32_t fourcc) noexcept {
  const std::size_t at = rank(fourcc);
  return at < kKnown.size() ? std::optional(kKnown[at].format) : std::nullopt;
}

std::optional<V4l2Mode> choose_mode(std::span<const V4l2Mode> modes, const V4l2Wish& wish) {
  std::optional<V4l2Mode> best;
  const double fps = wish.rate.value_or(Rate{30, 1}).fps();
  const auto key = [&](const V4l2Mode& mode) {
    return std::tuple(size_distance(mode.size, wish.size), order(mode, fps));
  };
  for (const V4l2Mode& mode : modes) {
    if (fits(mode, wish) && (!best || key(mode) < key(*best))) best = mode;
  }
  if (best && best->size.width == 0 && wish.size) best->size = *wish.size;
  if (best && best->rate.num == 0) best->rate = wish.rate.value_or(Rate{30, 1});
  return best;
}

FrameFormat frame_format(const V4l2Settings& settings, const RingFormat& kind) {
  if (kind.codec != Codec::raw) return coded_format(kind.codec, settings.size, settings.rate);
  FrameFormat format = raw_format(kind.pixel_format, settings.size, settings.rate);
  format.colour = settings.colour;
  const std::uint32_t own = format.planes[0].stride_bytes;
  const std::uint32_t driver = std::max(settings.stride_bytes, own);
  std::uint32_t offset = 0;
  for (std::size_t i = 0; i < format.plane_count; ++i) {
    Plane& plane = format.planes[i];
    // Chroma planes have the first one's padding in proportion (V4L2, "Planar YUV formats").
    plane.stride_bytes = static_cast<std::uint32_t>(std::uint64_t{plane.stride_bytes} * driver / own);
    plane.offset_bytes = offset;
    offset += plane.stride_bytes * plane.rows;
  }
  return format;
}

}  // namespace camring::camcap
