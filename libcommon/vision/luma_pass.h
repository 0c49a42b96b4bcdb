// The inner loops over luma, built once for any machine of the architecture and once for AVX2.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camring::vision::pass {

/// Rows of one band: 32 * 2040 (the largest answer of Immerkaer's mask) fit 16 bits.
inline constexpr std::uint32_t kBandRows = 32;
/// Columns of a block.
inline constexpr std::uint32_t kBlockColumns = 32;

/// What a picture adds up to. Exact integers.
struct Sums {
  std::uint64_t sum = 0, squares = 0;  // of the samples
  std::uint64_t laplace_squares = 0;   // of the 3x3 Laplacian's answers
  std::uint64_t dark = 0, bright = 0;  // samples at or below / at or above the limits
};

/// What a block adds up to.
struct BlockSums {
  std::uint32_t noise = 0;  // |Immerkaer's mask|
  std::uint32_t sum = 0;    // of the samples
};

/// Up to kBandRows rows below each other, and their neighbours. The picture is reflected about its border
/// (row -1 is row 1), so its first and its last row are bands of their own.
struct Band {
  const std::uint8_t *above, *first, *below;  // below: the row after the last
  std::ptrdiff_t stride;
  std::uint32_t rows, width;  // each at least 1
  std::uint8_t dark, bright;
  BlockSums* blocks;  // added to; block 0 begins at column 1, and the last column is in none
};
[[nodiscard]] constexpr std::uint32_t blocks_across(std::uint32_t width) noexcept {
  return width < 3 ? 0 : (width - 2 + kBlockColumns - 1) / kBlockColumns;
}

void add_band(const Band& band, Sums& sums) noexcept;
/// Sum of |a - b| over `count` bytes.
[[nodiscard]] std::uint64_t difference(const std::uint8_t* a, const std::uint8_t* b,
                                       std::uint32_t count) noexcept;
/// columns[x] += |row[x + 1] - row[x]| for x in [0, count); at most 256 times before a column is full.
void add_steps(const std::uint8_t* row, std::uint16_t* columns, std::uint32_t count) noexcept;
/// Of a - b over `count` bytes, at most 32768 of them.
struct Difference {
  std::int32_t sum = 0;
  std::uint32_t squares = 0;
  std::uint32_t changed = 0;
};
void add_difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count,
                    Difference& to) noexcept;

#if defined(__x86_64__)
namespace avx2 {
void add_band(const Band& band, Sums& sums) noexcept;
std::uint64_t difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count) noexcept;
void add_steps(const std::uint8_t* row, std::uint16_t* columns, std::uint32_t count) noexcept;
void add_difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count,
                    Difference& to) noexcept;
}  // namespace avx2
#endif

/// The best of the two for this processor; picked once.
struct Functions {
  decltype(&add_band) band;
  decltype(&difference) rows_differ;
  decltype(&add_steps) steps;
  decltype(&add_difference) differ;
};
[[nodiscard]] const Functions& functions() noexcept;
[[nodiscard]] const Functions& portable_functions() noexcept;  ///< for tests and benchmarks

}  // namespace camring::vision::pass
