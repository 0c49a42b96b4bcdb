// base64 for processors with AVX2, as W. Muła and D. Lemire describe it ("Faster Base64 Encoding and Decoding
// Using AVX2 Instructions", 2018, section 3).
#include <immintrin.h>

#include "net/base64_blocks.h"

namespace camring::net::base64 {
namespace {

constexpr std::size_t kStep = 24;           // bytes, to 32 characters
constexpr std::size_t kHalf = 12;           // bytes in each half of a register
constexpr std::size_t kReads = kHalf + 16;  // bytes that a step looks at

// Four times six bits in each 32 from three bytes b0 b1 b2, laid out as b1 b0 b2 b1: two multiplications move
// each to a byte of its own.
__m256i spread(__m256i groups) noexcept {
  const __m256i first_third = _mm256_and_si256(groups, _mm256_set1_epi32(0x0fc0fc00));
  const __m256i second_fourth = _mm256_and_si256(groups, _mm256_set1_epi32(0x003f03f0));
  return _mm256_or_si256(_mm256_mulhi_epu16(first_third, _mm256_set1_epi32(0x04000040)),
                         _mm256_mullo_epi16(second_fourth, _mm256_set1_epi32(0x01000010)));
}

// From 0…63 to letters: each of the five ranges of the alphabet has its distance from the number.
__m256i letters(__m256i numbers) noexcept {
  // 0: a to z; 1 to 10: digits; 11: +; 12: /; 13: A to Z.
  const __m256i distances = _mm256_broadcastsi128_si256(
      _mm_setr_epi8('a' - 26, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52, '0' - 52,
                    '0' - 52, '0' - 52, '+' - 62, '/' - 63, 'A', 0, 0));
  const __m256i upper = _mm256_cmpgt_epi8(_mm256_set1_epi8(26), numbers);
  const __m256i range = _mm256_or_si256(_mm256_subs_epu8(numbers, _mm256_set1_epi8(51)),
                                        _mm256_and_si256(upper, _mm256_set1_epi8(13)));
  return _mm256_add_epi8(numbers, _mm256_shuffle_epi8(distances, range));
}

__m128i load(const std::uint8_t* from) noexcept {
  return _mm_loadu_si128(reinterpret_cast<const __m128i*>(from));
}

}  // namespace

std::size_t encode_by_avx2(const std::uint8_t* in, std::size_t size, char* out) noexcept {
  const __m256i order =
      _mm256_broadcastsi128_si256(_mm_setr_epi8(1, 0, 2, 1, 4, 3, 5, 4, 7, 6, 8, 7, 10, 9, 11, 10));
  std::size_t done = 0;
  for (; size - done >= kReads; done += kStep, out += 32) {
    const __m256i both =
        _mm256_inserti128_si256(_mm256_castsi128_si256(load(in + done)), load(in + done + kHalf), 1);
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(out), letters(spread(_mm256_shuffle_epi8(both, order))));
  }
  return done;
}

}  // namespace camring::net::base64
