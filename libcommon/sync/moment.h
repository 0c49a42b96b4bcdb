// What synchronisation needs to know of a frame: which moment it shows, and when it could be seen.
#pragma once

#include <cstdint>

namespace camring::sync {

/// One of the two rings that are compared.
enum class Side : std::uint8_t { a, b };
[[nodiscard]] constexpr Side other(Side side) noexcept { return side == Side::a ? Side::b : Side::a; }

/// A frame. All times are CLOCK_MONOTONIC ns.
struct Moment {
  std::uint64_t source_number = 0;  ///< FrameInfo::source_number
  std::int64_t timeline_ns =
      0;  ///< the moment that it shows: FrameInfo::source_capture_ns, or what its code says
  std::int64_t published_ns = 0;  ///< when it could be seen: FrameInfo::publish_ns
  std::uint64_t generation = 0;   ///< the ring's epoch
  bool gap_before = false;        ///< the reader did not get every frame between the one before and this one
};

}  // namespace camring::sync
