// The inner loops over luma, built once for any machine of the architecture and once for AVX2.
#pragma once

#include <cstdint>

namespace camring::vision::pass {

/// Rows that the 16-bit column sums of one band hold: 32 * 2040 (the largest answer of Immerkaer's mask)
/// fits.
inline constexpr std::uint32_t kBandRows = 32;

/// What rows add up to. Exact integers.
struct RowSums {
  std::uint64_t sum = 0, squares = 0;  // of the samples
  std::int64_t laplace = 0;            // of the 3x3 Laplacian's answers
  std::uint64_t laplace_squares = 0;
  std::uint64_t dark = 0, bright = 0;  // samples at or below / at or above the limits
};

/// One row's work: its neighbours (reflected at the picture's border: row -1 is row 1) and where to add.
struct Row {
  const std::uint8_t *above, *row, *below;
  std::uint32_t width;  // at least 1
  std::uint8_t dark, bright;
  std::uint16_t* noise;   // per column, |Immerkaer's mask|; null in the first and last row
  std::int16_t* scratch;  // 2 * width, any content
};

void add_row(const Row& row, RowSums& sums) noexcept;
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
void add_row(const Row& row, RowSums& sums) noexcept;
std::uint64_t difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count) noexcept;
void add_steps(const std::uint8_t* row, std::uint16_t* columns, std::uint32_t count) noexcept;
void add_difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count,
                    Difference& to) noexcept;
}  // namespace avx2
#endif

/// The best of the two for this processor; picked once.
struct Functions {
  decltype(&add_row) row;
  decltype(&difference) rows_differ;
  decltype(&add_steps) steps;
  decltype(&add_difference) differ;
};
[[nodiscard]] const Functions& functions() noexcept;
[[nodiscard]] const Functions& portable_functions() noexcept;  ///< for tests and benchmarks

}  // namespace camring::vision::pass
