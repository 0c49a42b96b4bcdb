// Our pixel formats, codecs and pictures in FFmpeg's words and back: the one place where the two vocabularies
// meet.
#pragma once

#include "av/ffmpeg_ptr.h"
#include "av/image.h"

namespace camring::av {

/// AV_PIX_FMT_NONE for PixelFormat::none. The full-range YUVJ formats are never used: the range is in Colour.
[[nodiscard]] AVPixelFormat to_av(PixelFormat format) noexcept;
/// PixelFormat::none for formats that rings don't carry. YUVJ420P and its like give the plain format: see
/// colour_of.
[[nodiscard]] PixelFormat from_av(AVPixelFormat format) noexcept;

[[nodiscard]] AVCodecID to_av(Codec codec) noexcept;  ///< raw: AV_CODEC_ID_RAWVIDEO; none: AV_CODEC_ID_NONE
[[nodiscard]] Codec from_av(AVCodecID codec) noexcept;

/// What a decoded frame says of its colour; the YUVJ formats say full range.
[[nodiscard]] Colour colour_of(const AVFrame& frame) noexcept;
/// The picture in a decoded frame, without a copy; lives as long as the frame's buffers. Empty when its pixel
/// format is none of ours or its rows run upwards.
[[nodiscard]] ImageView view_of(const AVFrame& frame) noexcept;

}  // namespace camring::av
