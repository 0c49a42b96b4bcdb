// What a raw picture says of its moment: its code, where it carries one, and its brightness.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "frame/format.h"
#include "frame/pattern_code.h"

namespace camring::sync {

/// Where a raw picture's brightness is: a sample each `step` bytes, rows `stride_bytes` apart. RGB has its
/// green taken for it, which follows it closely enough to be compared with itself.
struct LumaPlane {
  std::span<const std::uint8_t> samples;
  std::size_t stride_bytes = 0, step = 1;
  Size size;
};
/// Empty samples when the format is not raw or `payload` is too short for it. Points into `payload`.
[[nodiscard]] LumaPlane luma_plane(const FrameFormat& format, std::span<const std::uint8_t> payload) noexcept;

/// Mean of every eighth sample of every eighth row, 0 to 255. The top sixth, where a test pattern has its
/// code, is left out. Empty when there is nothing to read.
[[nodiscard]] std::optional<double> mean_luma(const LumaPlane& plane) noexcept;
/// The code of the test pattern, if it carries one.
[[nodiscard]] std::optional<PatternCode> code_in(const LumaPlane& plane) noexcept;

}  // namespace camring::sync
