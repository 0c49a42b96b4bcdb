#include "av/bits.h"

#include <bit>

namespace camring::av {

std::vector<std::uint8_t> unescape(std::span<const std::uint8_t> nal) {
  std::vector<std::uint8_t> rbsp;
  rbsp.reserve(nal.size());
  int zeros = 0;
  for (const std::uint8_t byte : nal) {
    if (zeros >= 2 && byte == 3) {
      zeros = 0;
      continue;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    rbsp.push_back(byte);
  }
  return rbsp;
}

std::vector<std::uint8_t> escape(std::span<const std::uint8_t> rbsp) {
  std::vector<std::uint8_t> nal;
  nal.reserve(rbsp.size() + 8);
  int zeros = 0;
  for (const std::uint8_t byte : rbsp) {
    if (zeros >= 2 && byte <= 3) {
      nal.push_back(3);
      zeros = 0;
    }
    zeros = byte == 0 ? zeros + 1 : 0;
    nal.push_back(byte);
  }
  return nal;
}

std::uint32_t BitReader::u(unsigned bits) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = 0; i < bits; ++i, ++position_) {
    const std::size_t byte = position_ / 8;
    const unsigned bit = byte < bytes_.size() ? bytes_[byte] >> (7 - position_ % 8) & 1u : 0u;
    value = value << 1 | bit;
  }
  return value;
}

void BitReader::skip(unsigned bits) noexcept { position_ += bits; }

std::uint32_t BitReader::ue() noexcept {
  unsigned zeros = 0;
  while (ok() && zeros < 32 && !flag()) ++zeros;
  if (zeros >= 32) {
    ok_ = false;
    return 0;
  }
  return (1u << zeros) - 1 + u(zeros);
}

std::int32_t BitReader::se() noexcept {
  const std::uint32_t code = ue();
  const auto half = static_cast<std::int32_t>(code / 2);
  return code % 2 != 0 ? half + 1 : -half;
}

void BitWriter::u(unsigned bits, std::uint32_t value) {
  while (bits-- > 0) {
    if (free_ == 0) {
      bytes_.push_back(0);
      free_ = 8;
    }
    bytes_.back() = static_cast<std::uint8_t>(bytes_.back() | (value >> bits & 1u) << --free_);
  }
}

void BitWriter::ue(std::uint32_t value) {
  const unsigned width = static_cast<unsigned>(std::bit_width(value + 1));
  u(width - 1, 0);
  u(width, value + 1);
}

void BitWriter::copy(std::span<const std::uint8_t> bytes, std::size_t bits) {
  BitReader reader(bytes);
  for (; bits >= 8; bits -= 8) u(8, reader.u(8));
  const auto rest = static_cast<unsigned>(bits);
  u(rest, reader.u(rest));
}

void BitWriter::trail() {
  flag(true);
  free_ = 0;
}

}  // namespace camring::av
