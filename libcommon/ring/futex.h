// The futex word of a ring: shared between processes; waiting and waking both work on read-only mappings.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

namespace camring {

enum class FutexResult { woken, changed, timeout };

/// Sleeps while the word holds `value`, at most `timeout_ns`. futex(2) FUTEX_WAIT; a signal counts as
/// `changed`.
inline FutexResult futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                              std::int64_t timeout_ns) noexcept {
  const timespec timeout{timeout_ns / 1'000'000'000, timeout_ns % 1'000'000'000};
  if (::syscall(SYS_futex, &word, FUTEX_WAIT, value, &timeout, nullptr, 0) == 0) return FutexResult::woken;
  return errno == ETIMEDOUT ? FutexResult::timeout : FutexResult::changed;
}

/// Wakes at most `count` sleepers; returns how many there were to wake.
inline int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
  const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  return woken < 0 ? 0 : static_cast<int>(woken);
}

}  // namespace camring
