// The futex word of a ring: shared between processes; waiting and waking both work on read-only mappings.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <ctime>

#include "base/clock.h"

namespace camring {

enum class FutexResult { woken, changed, timeout };

/// What a sleeper is woken by: one bit of 32 for the value it sleeps on. A sleeper of another language that
/// uses FUTEX_WAIT has all bits and is woken every time.
inline std::uint32_t futex_bit(std::uint32_t value) noexcept { return std::uint32_t{1} << (value % 32); }

/// Sleeps while the word holds `value`, at most `timeout_ns`. futex(2) FUTEX_WAIT_BITSET, which takes the
/// time on CLOCK_MONOTONIC at which to give up; a signal counts as `changed`.
inline FutexResult futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                              std::int64_t timeout_ns) noexcept {
  const std::int64_t until = monotonic_ns() + timeout_ns;
  const timespec time{until / 1'000'000'000, until % 1'000'000'000};
  if (::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, value, &time, nullptr, futex_bit(value)) == 0) {
    return FutexResult::woken;
  }
  return errno == ETIMEDOUT ? FutexResult::timeout : FutexResult::changed;
}

/// Wakes at most `count` sleepers; returns how many there were to wake.
inline int futex_wake(const std::atomic<std::uint32_t>& word, int count) noexcept {
  const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE, count, nullptr, nullptr, 0);
  return woken < 0 ? 0 : static_cast<int>(woken);
}

/// As futex_wake, but lets those sleep on who fell asleep with the word at `value`: they have seen the news.
/// Who sleeps since a multiple of 32 changes is taken for one of them, and must not rely on this alone.
inline int futex_wake_unaware(const std::atomic<std::uint32_t>& word, std::uint32_t value,
                              int count) noexcept {
  const long woken =
      ::syscall(SYS_futex, &word, FUTEX_WAKE_BITSET, count, nullptr, nullptr, ~futex_bit(value));
  return woken < 0 ? 0 : static_cast<int>(woken);
}

}  // namespace camring
