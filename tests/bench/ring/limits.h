// What the machine itself allows: the bounds that no transport gets under.
#pragma once

#include <cstddef>

namespace bench {

struct OneWay {
  double p50_us = 0, p99_us = 0;
};
/// From FUTEX_WAKE in one process to the return of FUTEX_WAIT in another that sleeps; both pinned to one
/// core, or each to its own.
[[nodiscard]] OneWay futex_ping(bool same_core, int rounds);
/// One way of a word that two processes on two cores write in turn, spinning.
[[nodiscard]] OneWay cache_line_ping(int rounds);
/// GB/s of memcpy, or of stream_copy, into eight slots in turn.
[[nodiscard]] double memcpy_rate(std::size_t bytes);
[[nodiscard]] double stream_copy_rate(std::size_t bytes);

struct Handed {
  double write_us = 0, read_us = 0;
};
/// What one copy into eight slots in turn takes, at a camera's pace, and then reading all of it in another
/// thread; medians.
[[nodiscard]] Handed handed_over(std::size_t bytes, bool streamed);

enum class Pages { small, huge };
/// The same into memory of one kind of pages, as tmpfs (shared) or anonymous; 0 where the kernel does not
/// give that kind.
[[nodiscard]] double paged_copy_rate(std::size_t bytes, Pages pages, bool shared);

}  // namespace bench
