// The two clocks: CLOCK_MONOTONIC times every frame, CLOCK_REALTIME is for people and HTTP headers.
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

namespace camring {

/// Nanoseconds of a clock. A vDSO call of some 20 ns; safe from any thread.
[[nodiscard]] inline std::int64_t clock_ns(clockid_t clock) noexcept {
  timespec now{};
  ::clock_gettime(clock, &now);
  return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

[[nodiscard]] inline std::int64_t monotonic_ns() noexcept { return clock_ns(CLOCK_MONOTONIC); }
[[nodiscard]] inline std::int64_t realtime_ns() noexcept { return clock_ns(CLOCK_REALTIME); }

/// What to add to a CLOCK_MONOTONIC time to get the wall time, in ns. The middle of three readings, so that
/// being preempted between two of them costs nothing.
[[nodiscard]] inline std::int64_t monotonic_to_wall_ns() noexcept {
  const std::int64_t before = monotonic_ns();
  const std::int64_t wall = realtime_ns();
  const std::int64_t after = monotonic_ns();
  return wall - (before + (after - before) / 2);
}

}  // namespace camring
