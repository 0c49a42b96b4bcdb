#include "frame/pattern_code.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace camring {
namespace {

constexpr std::uint8_t kBlack = 16, kWhite = 235;
constexpr int kLeastContrast = 40;  // between the darkest and the brightest cell, else there is no code

using Words = std::array<std::uint32_t, kCodeRows>;  // a row each, the leftmost cell is the top bit

// CRC-32 as IEEE 802.3 has it, bit by bit: twelve bytes a frame need no table.
std::uint32_t check_sum(const Words& words) noexcept {
  std::uint32_t crc = 0xffffffff;
  for (std::size_t i = 0; i < 3; ++i) {
    for (int shift = 24; shift >= 0; shift -= 8) {
      crc ^= words[i] >> shift & 0xff;
      for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (0xedb88320u & (0u - (crc & 1)));
    }
  }
  return ~crc;
}

struct Range {
  std::size_t begin, end;
};

// The samples whose middles lie in the inner half of a cell: scaling and blur mix in the neighbours' colour
// at the rim. At least one sample.
Range inner(std::size_t cell, std::size_t cells, std::size_t length) noexcept {
  const std::size_t begin = ((4 * cell + 1) * length + 2 * cells) / (4 * cells);
  const std::size_t end = ((4 * cell + 3) * length + 2 * cells) / (4 * cells);
  const std::size_t middle = (2 * cell + 1) * length / (2 * cells);
  return end > begin ? Range{begin, end} : Range{middle, middle + 1};
}

}  // namespace

void draw_code(std::span<std::uint8_t> luma, std::size_t stride_bytes, Size size, const PatternCode& code,
               std::size_t step) noexcept {
  Words words{code.number, static_cast<std::uint32_t>(code.clock_ns >> 32),
              static_cast<std::uint32_t>(code.clock_ns), 0};
  words[3] = check_sum(words);
  for (std::size_t row = 0; row < kCodeRows; ++row) {
    const std::size_t top = row * size.height / kCodeRowsInPicture;
    const std::size_t bottom = (row + 1) * size.height / kCodeRowsInPicture;
    if (bottom == top || (bottom - 1) * stride_bytes + (size.width - 1) * step >= luma.size()) return;
    std::uint8_t* first = luma.data() + top * stride_bytes;
    for (std::size_t column = 0; column < kCodeColumns; ++column) {
      const std::uint8_t value = (words[row] >> (kCodeColumns - 1 - column) & 1) != 0 ? kWhite : kBlack;
      const std::size_t end = (column + 1) * size.width / kCodeColumns;
      std::size_t x = column * size.width / kCodeColumns;
      if (step == 1) {
        std::memset(first + x, value, end - x);
        continue;
      }
      for (; x < end; ++x) first[x * step] = value;
    }
    for (std::size_t y = top + 1; y < bottom; ++y) {
      std::uint8_t* line = luma.data() + y * stride_bytes;
      if (step == 1) {
        std::memcpy(line, first, size.width);
        continue;
      }
      for (std::size_t x = 0; x < size.width; ++x) line[x * step] = first[x * step];
    }
  }
}

std::optional<PatternCode> read_code(std::span<const std::uint8_t> luma, std::size_t stride_bytes, Size size,
                                     std::size_t step) noexcept {
  if (size.width < kSmallestCodeSize.width || size.height < kSmallestCodeSize.height) return std::nullopt;
  std::array<int, kCodeRows * kCodeColumns> cells{};
  for (std::size_t row = 0; row < kCodeRows; ++row) {
    const Range rows = inner(row, kCodeRowsInPicture, size.height);
    if ((rows.end - 1) * stride_bytes + (size.width - 1) * step >= luma.size()) return std::nullopt;
    for (std::size_t column = 0; column < kCodeColumns; ++column) {
      const Range columns = inner(column, kCodeColumns, size.width);
      std::uint64_t sum = 0;
      for (std::size_t y = rows.begin; y < rows.end; ++y) {
        for (std::size_t x = columns.begin; x < columns.end; ++x) sum += luma[y * stride_bytes + x * step];
      }
      cells[row * kCodeColumns + column] =
          static_cast<int>(sum / ((rows.end - rows.begin) * (columns.end - columns.begin)));
    }
  }
  const auto [darkest, brightest] = std::minmax_element(cells.begin(), cells.end());
  if (*brightest - *darkest < kLeastContrast) return std::nullopt;
  const int threshold = (*brightest + *darkest) / 2;
  Words words{};
  for (std::size_t i = 0; i < cells.size(); ++i) {
    words[i / kCodeColumns] = words[i / kCodeColumns] << 1 | (cells[i] > threshold ? 1u : 0u);
  }
  if (check_sum(words) != words[3]) return std::nullopt;
  return PatternCode{words[0], std::uint64_t{words[1]} << 32 | words[2]};
}

}  // namespace camring
