// One JPEG image out of several that were encoded side by side: horizontal bands of a picture, joined by
// restart markers (ITU-T T.81, E.1.4). A picture is done in a part of the time, and pictures stay in order by
// themselves.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "av/image.h"

namespace camring::av {

/// How a picture is cut into at most `wanted` bands: the rows of each, all but the last equal and multiples
/// of what JPEG codes at once. One band where the picture is too small to be cut.
[[nodiscard]] std::vector<std::uint32_t> jpeg_band_rows(PixelFormat pixels, Size size, std::size_t wanted);

/// Rows [top, top + rows) of a picture; `top` as jpeg_band_rows() has it.
[[nodiscard]] ImageView jpeg_band(const ImageView& picture, std::uint32_t top, std::uint32_t rows) noexcept;

/// Joins the images of all bands, top first, made by equal encoders. @return false: they don't fit together
[[nodiscard]] bool join_jpeg_bands(std::span<const std::span<const std::uint8_t>> bands, PixelFormat pixels,
                                   Size size, std::vector<std::uint8_t>& out);

}  // namespace camring::av
