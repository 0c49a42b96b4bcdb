// Copies of whole pictures for somebody else to read.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camring {

/// From so many bytes on stream_copy goes past the caches: the writer gains more than a reader on another
/// core, which finds the bytes in no cache, loses (`bench_ring limits`).
inline constexpr std::size_t kStreamFrom = std::size_t{512} << 10;

/// memcpy for what this thread does not read again soon. A large copy into memory that went cold (a ring goes
/// round through all of its frames) first reads every line that it is about to overwrite, and pushes out what
/// others have in their caches; non-temporal stores do neither (Intel's optimization manual, section 9.6.1).
/// Ordered for other threads by ring/fence.h's release_fence() only, as RingWriter::commit does, not by a
/// plain release. Any thread; the areas do not overlap.
void stream_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) noexcept;

}  // namespace camring
