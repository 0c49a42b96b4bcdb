// Measuring latency and loss from pixels alone: a frame number and its capture clock as black and white
// blocks at the top of the picture, readable after scaling, JPEG and H.264.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "base/units.h"

namespace camring {

/// What the blocks say.
struct PatternCode {
  std::uint32_t number = 0;    ///< the frame's number, modulo 2^32
  std::uint64_t clock_ns = 0;  ///< CLOCK_MONOTONIC when the frame was made
  friend bool operator==(const PatternCode&, const PatternCode&) = default;
};

/// The grid covers the whole width and the top sixth of the picture: 4 rows of 32 cells, each a 32nd of the
/// width by a 24th of the height. Row by row, most significant bit first: number (32 bits), clock (64),
/// CRC-32 of the twelve bytes before it (32; the polynomial of IEEE 802.3). White is 1.
inline constexpr std::uint32_t kCodeColumns = 32;
inline constexpr std::uint32_t kCodeRows = 4;
inline constexpr std::uint32_t kCodeRowsInPicture = 24;  ///< the code is so many-th of the height a row
inline constexpr Size kSmallestCodeSize{160, 120};

/// Rows of luma that the code covers in a picture of this height.
[[nodiscard]] constexpr std::uint32_t code_height(std::uint32_t height) noexcept {
  return (height * kCodeRows + kCodeRowsInPicture - 1) / kCodeRowsInPicture;
}

/// Draws the code in black (16) and white (235).
/// @param luma   the plane, `stride_bytes` from row to row; cells outside it are left out
/// @param step   bytes from one sample to the next: 1 in planar formats, 2 in YUYV, 3 in RGB (once a channel)
void draw_code(std::span<std::uint8_t> luma, std::size_t stride_bytes, Size size, const PatternCode& code,
               std::size_t step = 1) noexcept;

/// Reads the code back from a picture of any size down to 160x120, scaled in any proportion but not cropped.
/// Empty when the check sum fails: no code here, or too damaged to be trusted.
[[nodiscard]] std::optional<PatternCode> read_code(std::span<const std::uint8_t> luma,
                                                   std::size_t stride_bytes, Size size,
                                                   std::size_t step = 1) noexcept;

}  // namespace camring
