// Keeping to a plan of times.
#pragma once

#include <cerrno>
#include <cstdint>
#include <ctime>

namespace bench {

/// Sleeps until a time of CLOCK_MONOTONIC.
inline void sleep_until(std::int64_t ns) noexcept {
  const timespec due{ns / 1'000'000'000, ns % 1'000'000'000};
  while (::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr) == EINTR) {
  }
}

}  // namespace bench
