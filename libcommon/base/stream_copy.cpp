#include "base/stream_copy.h"

#include <cstring>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

namespace camring {
namespace {

#if defined(__SSE2__)
constexpr std::size_t kLine = 64;     // bytes of a cache line: a store of less would be read and merged
constexpr std::size_t kAhead = 1024;  // how far the source is fetched in advance

// `to` lies at the start of a line. The fetches run over the end of `from`, where they do nothing.
void stream_lines(std::uint8_t* to, const std::uint8_t* from, std::size_t lines) noexcept {
  for (; lines != 0; --lines, to += kLine, from += kLine) {
    _mm_prefetch(reinterpret_cast<const char*>(from) + kAhead, _MM_HINT_T0);
    const auto* source = reinterpret_cast<const __m128i*>(from);
    auto* target = reinterpret_cast<__m128i*>(to);
    const __m128i a = _mm_loadu_si128(source), b = _mm_loadu_si128(source + 1);
    const __m128i c = _mm_loadu_si128(source + 2), d = _mm_loadu_si128(source + 3);
    _mm_stream_si128(target, a);
    _mm_stream_si128(target + 1, b);
    _mm_stream_si128(target + 2, c);
    _mm_stream_si128(target + 3, d);
  }
}
#endif

}  // namespace

// On other machines memcpy itself knows best: arm64 has no store that is sure to go past the caches.
void stream_copy(std::uint8_t* to, const std::uint8_t* from, std::size_t bytes) noexcept {
#if defined(__SSE2__)
  if (bytes >= kStreamFrom) {
    const std::size_t head = -reinterpret_cast<std::uintptr_t>(to) % kLine;
    std::memcpy(to, from, head);
    const std::size_t lines = (bytes - head) / kLine, streamed = head + lines * kLine;
    stream_lines(to + head, from + head, lines);
    to += streamed, from += streamed, bytes -= streamed;
  }
#endif
  if (bytes != 0) std::memcpy(to, from, bytes);
}

}  // namespace camring
