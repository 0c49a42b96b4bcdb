// What the publish protocol asks of the machine: two fences, and copying bytes that somebody else may be
// overwriting. All of it in one place, because two things need care here: stores that bypass the caches, and
// ThreadSanitizer.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/stream_copy.h"
#if defined(__x86_64__) || defined(__i386__)
#include <xmmintrin.h>
#endif

#if defined(__SANITIZE_THREAD__)
#define CAMRING_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define CAMRING_TSAN 1
#endif
#endif

namespace camring {

// ThreadSanitizer does not know fences and says so. Whatever the fences order is atomic in its builds (see
// copy_shared), so it needs to know nothing of them.
#if defined(CAMRING_TSAN) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wtsan"
#endif

/// Writer: all stores before it are seen before any store after it. A large copy uses non-temporal stores
/// (stream_copy, and memcpy at some size), which x86 orders with nothing but SFENCE (Intel SDM, volume 3,
/// section 8.2.2): without it, payload bytes could be seen before the intent that announces them, or after
/// the number that says that they are whole.
inline void release_fence() noexcept {
  std::atomic_thread_fence(std::memory_order_release);
#if defined(__x86_64__) || defined(__i386__)
  _mm_sfence();
#endif
}

/// Reader: no load after it is satisfied before any load before it.
inline void acquire_fence() noexcept { std::atomic_thread_fence(std::memory_order_acquire); }

#if defined(CAMRING_TSAN) && defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic pop
#endif

/// A frame out of the arena, or metadata into it: memcpy where the other side may be writing or reading at
/// the same time. By the letter of C++ that is a race (Boehm, "Can seqlocks get along with programming
/// language memory models?", 2012); the protocol throws away what was torn. In ThreadSanitizer's builds the
/// bytes are atomics, so that it reports every race but this one.
inline void copy_shared(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) noexcept {
#if defined(CAMRING_TSAN)
  for (std::size_t i = 0; i < bytes; ++i) {
    __atomic_store_n(to + i, __atomic_load_n(from + i, __ATOMIC_RELAXED), __ATOMIC_RELAXED);
  }
#else
  if (bytes != 0) std::memcpy(to, from, bytes);
#endif
}

/// copy_shared of a frame into the arena: the writer does not read it again.
inline void fill_shared(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) noexcept {
#if defined(CAMRING_TSAN)
  copy_shared(to, from, bytes);
#else
  stream_copy(to, from, bytes);
#endif
}

}  // namespace camring
