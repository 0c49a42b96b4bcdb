// Cameras send JPEG pictures that are cut, padded or without their Huffman tables. Looks at one as it comes
// from a camera without decoding it, and completes it.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "base/units.h"

namespace camring::camcap {

/// One whole JPEG image inside a camera's buffer.
struct JpegFrame {
  std::span<const std::uint8_t> bytes;  ///< from its SOI marker to its EOI marker, both included
  Size size;                            ///< as its frame header says
  bool huffman_tables = false;          ///< it has its own; "AVI1" MJPEG leaves out the usual ones
  std::size_t tables_at = 0;            ///< where tables may be inserted: right behind the SOI marker
};

/// Empty when the image has no begin, no end, no frame header or no scan (ITU-T T.81, B.2). Looks at the
/// headers and at the bytes behind the last EOI marker only.
[[nodiscard]] std::optional<JpegFrame> find_jpeg(std::span<const std::uint8_t> buffer) noexcept;

/// The DHT segment with the tables of ITU-T T.81, K.3, which AVI1 MJPEG takes for granted.
[[nodiscard]] std::span<const std::uint8_t> usual_huffman_tables() noexcept;

}  // namespace camring::camcap
