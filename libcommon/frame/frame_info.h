// What travels with every frame through every tool: its numbers, its times, its flags.
#pragma once

#include <cstdint>

namespace camring {

/// Flags of one frame. The bits are part of the ring's ABI (camring-ring(5)).
namespace frame_flag {
inline constexpr std::uint32_t keyframe = 1u << 0;  ///< decodable on its own; every raw and MJPEG frame
inline constexpr std::uint32_t discontinuity =
    1u << 1;  ///< frames before it are missing at the source, or time jumped
inline constexpr std::uint32_t placeholder = 1u << 2;  ///< made by a tool, not seen by a camera
inline constexpr std::uint32_t inferred = 1u << 3;     ///< capture time was estimated, not measured
inline constexpr std::uint32_t degraded = 1u << 4;     ///< quality, size or rate lowered by dynamic quality
inline constexpr std::uint32_t corrupt = 1u << 5;      ///< the source said that the data may be damaged
}  // namespace frame_flag

/// A frame's identity and times; all times are CLOCK_MONOTONIC nanoseconds.
struct FrameInfo {
  std::uint64_t number = 0;            ///< in this ring; goes up by one a frame
  std::uint32_t flags = 0;             ///< frame_flag bits
  std::int64_t capture_ns = 0;         ///< when this frame's content was captured
  std::int64_t publish_ns = 0;         ///< when it was put into this ring (set by the writer)
  std::uint64_t source_number = 0;     ///< the number that the frame had in the ring of the capture tool
  std::int64_t source_capture_ns = 0;  ///< the capture time it had there

  [[nodiscard]] bool keyframe() const noexcept { return (flags & frame_flag::keyframe) != 0; }
  [[nodiscard]] bool placeholder() const noexcept { return (flags & frame_flag::placeholder) != 0; }
};

}  // namespace camring
