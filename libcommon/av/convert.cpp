#include "av/convert.h"

#include <array>
#include <utility>

namespace camring::av {
namespace {

constexpr std::array<std::pair<PixelFormat, AVPixelFormat>, 9> kPixels{{
    {PixelFormat::i420, AV_PIX_FMT_YUV420P},
    {PixelFormat::i422, AV_PIX_FMT_YUV422P},
    {PixelFormat::i444, AV_PIX_FMT_YUV444P},
    {PixelFormat::nv12, AV_PIX_FMT_NV12},
    {PixelFormat::yuyv, AV_PIX_FMT_YUYV422},
    {PixelFormat::uyvy, AV_PIX_FMT_UYVY422},
    {PixelFormat::rgb24, AV_PIX_FMT_RGB24},
    {PixelFormat::bgr24, AV_PIX_FMT_BGR24},
    {PixelFormat::gray8, AV_PIX_FMT_GRAY8},
}};

// The deprecated names that decoders still give for full range.
constexpr std::array<std::pair<PixelFormat, AVPixelFormat>, 3> kFullRange{{
    {PixelFormat::i420, AV_PIX_FMT_YUVJ420P},
    {PixelFormat::i422, AV_PIX_FMT_YUVJ422P},
    {PixelFormat::i444, AV_PIX_FMT_YUVJ444P},
}};

constexpr std::array<std::pair<Codec, AVCodecID>, 4> kCodecs{{
    {Codec::raw, AV_CODEC_ID_RAWVIDEO},
    {Codec::mjpeg, AV_CODEC_ID_MJPEG},
    {Codec::h264, AV_CODEC_ID_H264},
    {Codec::hevc, AV_CODEC_ID_HEVC},
}};

template <class Ours, class Theirs, std::size_t N>
Ours ours(const std::array<std::pair<Ours, Theirs>, N>& pairs, Theirs value) noexcept {
  for (const auto& [mine, theirs] : pairs) {
    if (theirs == value) return mine;
  }
  return Ours::none;
}

}  // namespace

AVPixelFormat to_av(PixelFormat format) noexcept {
  for (const auto& [mine, theirs] : kPixels) {
    if (mine == format) return theirs;
  }
  return AV_PIX_FMT_NONE;
}

PixelFormat from_av(AVPixelFormat format) noexcept {
  const PixelFormat plain = ours(kPixels, format);
  return plain != PixelFormat::none ? plain : ours(kFullRange, format);
}

AVCodecID to_av(Codec codec) noexcept {
  for (const auto& [mine, theirs] : kCodecs) {
    if (mine == codec) return theirs;
  }
  return AV_CODEC_ID_NONE;
}

Codec from_av(AVCodecID codec) noexcept { return ours(kCodecs, codec); }

Colour colour_of(const AVFrame& frame) noexcept {
  Colour colour;
  colour.range = static_cast<std::uint8_t>(frame.color_range);
  colour.primaries = static_cast<std::uint8_t>(frame.color_primaries);
  colour.transfer = static_cast<std::uint8_t>(frame.color_trc);
  colour.matrix = static_cast<std::uint8_t>(frame.colorspace);
  if (ours(kFullRange, static_cast<AVPixelFormat>(frame.format)) != PixelFormat::none) colour.range = 2;
  return colour;
}

ImageView view_of(const AVFrame& frame) noexcept {
  const PixelFormat pixels = from_av(static_cast<AVPixelFormat>(frame.format));
  if (pixels == PixelFormat::none || frame.width <= 0 || frame.height <= 0) return {};
  ImageView view{pixels,
                 {static_cast<std::uint32_t>(frame.width), static_cast<std::uint32_t>(frame.height)},
                 colour_of(frame),
                 {},
                 {}};
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    if (frame.linesize[i] < 0) return {};
    view.data[i] = frame.data[i];
    view.stride_bytes[i] = frame.linesize[i];
  }
  return view;
}

}  // namespace camring::av
