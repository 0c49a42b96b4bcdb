// The bits of an H.264 or HEVC NAL unit, read and written one syntax element at a time (ITU-T H.264, 7.2 and
// 9.1).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace camring::av {

/// A NAL unit's payload with the emulation prevention bytes taken out (7.4.1: 00 00 03 stands for 00 00).
[[nodiscard]] std::vector<std::uint8_t> unescape(std::span<const std::uint8_t> nal);
/// The reverse.
[[nodiscard]] std::vector<std::uint8_t> escape(std::span<const std::uint8_t> rbsp);

/// Reads; behind the end everything is 0 and ok() says so. Any bytes may come in.
class BitReader {
 public:
  explicit BitReader(std::span<const std::uint8_t> bytes) noexcept : bytes_(bytes) {}
  [[nodiscard]] std::uint32_t u(unsigned bits) noexcept;  ///< up to 32 bits
  [[nodiscard]] bool flag() noexcept { return u(1) != 0; }
  [[nodiscard]] std::uint32_t ue() noexcept;  ///< Exp-Golomb; more than 32 bits is an error
  [[nodiscard]] std::int32_t se() noexcept;
  void skip(unsigned bits) noexcept;
  [[nodiscard]] std::size_t position() const noexcept { return position_; }
  [[nodiscard]] bool ok() const noexcept { return ok_ && position_ <= bytes_.size() * 8; }

 private:
  std::span<const std::uint8_t> bytes_;
  std::size_t position_ = 0;
  bool ok_ = true;
};

class BitWriter {
 public:
  void u(unsigned bits, std::uint32_t value);
  void flag(bool value) { u(1, value ? 1 : 0); }
  void ue(std::uint32_t value);  ///< less than 2^32 - 1
  /// The first `bits` bits of `bytes`.
  void copy(std::span<const std::uint8_t> bytes, std::size_t bits);
  /// A one and zeros up to the byte (rbsp_trailing_bits).
  void trail();
  [[nodiscard]] const std::vector<std::uint8_t>& bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::uint8_t> bytes_;
  unsigned free_ = 0;  // bits that the last byte has left
};

}  // namespace camring::av
