// Words in a picture without a font library: a small bitmap font, drawn into a plane of 8-bit luma.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "base/units.h"

namespace camring {

/// How text looks; the defaults are white on black in limited-range video.
struct TextStyle {
  std::uint32_t scale = 1;  ///< luma samples a font dot, at least 1
  std::uint8_t ink = 235;
  std::uint8_t paper = 16;
  bool box = true;  ///< paint the paper too; false draws the ink only
};

inline constexpr std::uint32_t kGlyphWidth = 6;   ///< dots a character, the gap included
inline constexpr std::uint32_t kGlyphHeight = 9;  ///< dots a line, the gaps included

/// The size of one line of text in luma samples.
[[nodiscard]] constexpr Size text_size(std::string_view text, std::uint32_t scale) noexcept {
  return {static_cast<std::uint32_t>(text.size()) * kGlyphWidth * scale, kGlyphHeight * scale};
}

/// Draws one line of ASCII (all else becomes '?') with its top left corner at (x, y); what lies outside the
/// picture is cut off.
/// @param luma   the plane, `stride_bytes` from row to row
/// @param step   bytes from one sample to the next: 1 in planar formats, 2 in YUYV, 3 in RGB (once a channel)
void draw_text(std::span<std::uint8_t> luma, std::size_t stride_bytes, Size size, std::uint32_t x,
               std::uint32_t y, std::string_view text, const TextStyle& style = {},
               std::size_t step = 1) noexcept;

}  // namespace camring
