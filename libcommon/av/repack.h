// Pictures whose numbers stay as they are and only move: NV12 to I420 and back, and the spare edge that makes
// an odd picture even. Simple loops that the compiler turns into vector code.
#pragma once

#include "av/image.h"

namespace camring::av {

/// Whether repack() can do it: i420 to nv12 or the reverse at one size.
[[nodiscard]] bool can_repack(PixelFormat from, PixelFormat to) noexcept;
/// Both pictures of one size.
void repack(const ImageView& from, const ImageSpan& to) noexcept;

/// Whether change_range() knows the format.
[[nodiscard]] bool can_change_range(PixelFormat pixels) noexcept;
/// From limited to full range, or the reverse, in place (ITU-T H.273, equations 20 to 31).
void change_range(const ImageSpan& picture, bool to_full) noexcept;

/// The size with odd sides rounded up.
[[nodiscard]] constexpr Size even(Size size) noexcept {
  return {size.width + size.width % 2, size.height + size.height % 2};
}
/// Repeats the last column and row of a picture with an odd side into the memory beside it, which must be
/// there (an Image has it), so that it can be read with even() sides.
void repeat_edges(const ImageSpan& picture);

}  // namespace camring::av
