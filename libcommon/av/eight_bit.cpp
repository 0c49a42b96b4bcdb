#include "av/eight_bit.h"

extern "C" {
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>
}

#include "av/convert.h"

namespace camring::av {
namespace {

PixelFormat nearest(AVPixelFormat format) noexcept {
  const AVPixFmtDescriptor* described = av_pix_fmt_desc_get(format);
  if (described == nullptr || (described->flags & AV_PIX_FMT_FLAG_HWACCEL) != 0) return PixelFormat::none;
  if ((described->flags & (AV_PIX_FMT_FLAG_RGB | AV_PIX_FMT_FLAG_PAL)) != 0) return PixelFormat::rgb24;
  if (described->nb_components < 3) return PixelFormat::gray8;
  if (described->log2_chroma_w == 0) return PixelFormat::i444;
  return described->log2_chroma_h == 0 ? PixelFormat::i422 : PixelFormat::i420;
}

}  // namespace

void EightBit::Free::operator()(SwsContext* context) const noexcept { sws_freeContext(context); }

ImageView EightBit::view(const AVFrame& frame) {
  if (const ImageView own = view_of(frame)) return own;
  const auto format = static_cast<AVPixelFormat>(frame.format);
  const PixelFormat pixels = nearest(format);
  if (pixels == PixelFormat::none || frame.width <= 0 || frame.height <= 0) return {};
  context_.reset(sws_getCachedContext(context_.release(), frame.width, frame.height, format, frame.width,
                                      frame.height, to_av(pixels), SWS_POINT | SWS_ACCURATE_RND, nullptr,
                                      nullptr, nullptr));
  if (!context_) return {};
  picture_.reshape(pixels,
                   {static_cast<std::uint32_t>(frame.width), static_cast<std::uint32_t>(frame.height)},
                   colour_of(frame));
  const ImageSpan& to = picture_.span();
  int strides[4] = {};
  std::uint8_t* planes[4] = {};
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    planes[i] = to.data[i];
    strides[i] = static_cast<int>(to.stride_bytes[i]);
  }
  // The numbers keep their range and matrix: both sides are told the same.
  const int* coefficients = sws_getCoefficients(SWS_CS_DEFAULT);
  if (pixels != PixelFormat::rgb24) {
    (void)sws_setColorspaceDetails(context_.get(), coefficients, frame.color_range == AVCOL_RANGE_JPEG,
                                   coefficients, frame.color_range == AVCOL_RANGE_JPEG, 0, 1 << 16, 1 << 16);
  }
  if (sws_scale(context_.get(), frame.data, frame.linesize, 0, frame.height, planes, strides) != frame.height)
    return {};
  return picture_.view();
}

}  // namespace camring::av
