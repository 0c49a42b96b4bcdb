// The boxes of an MP4 file (ISO/IEC 14496-12, 4.2), written into bytes that are already there. Numbers are in
// network byte order.
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace camring::av {

/// Writes from the front to the back of `out`, which must have room: whoever writes has added up the sizes
/// before. One thread at a time.
class BoxWriter {
 public:
  explicit BoxWriter(std::span<std::uint8_t> out) noexcept : out_(out) {}

  void u8(std::uint32_t value) noexcept { put<1>(value); }
  void u16(std::uint32_t value) noexcept { put<2>(value); }
  void u24(std::uint32_t value) noexcept { put<3>(value); }
  void u32(std::uint32_t value) noexcept { put<4>(value); }
  void u64(std::uint64_t value) noexcept { put<8>(value); }
  void zeros(std::size_t count) noexcept { std::memset(take(count), 0, count); }
  void bytes(std::span<const std::uint8_t> from) noexcept {
    if (!from.empty()) std::memcpy(take(from.size()), from.data(), from.size());
  }
  void text(std::string_view from) noexcept {
    if (!from.empty()) std::memcpy(take(from.size()), from.data(), from.size());
  }
  /// Text with a zero behind it.
  void string(std::string_view from) noexcept {
    text(from);
    u8(0);
  }
  /// Overwrites four bytes.
  void patch(std::size_t at, std::uint32_t value) noexcept {
    assert(at + 4 <= position_);
    for (std::size_t i = 0; i < 4; ++i) out_[at + i] = static_cast<std::uint8_t>(value >> (24 - 8 * i));
  }
  [[nodiscard]] std::size_t position() const noexcept { return position_; }

 private:
  [[nodiscard]] std::uint8_t* take(std::size_t count) noexcept {
    assert(count <= out_.size() - position_);
    std::uint8_t* const at = out_.data() + position_;
    position_ += count;
    return at;
  }
  template <unsigned Bytes>
  void put(std::uint64_t value) noexcept {
    std::uint8_t* const at = take(Bytes);
    for (unsigned i = 0; i < Bytes; ++i) at[i] = static_cast<std::uint8_t>(value >> (8 * (Bytes - 1 - i)));
  }

  std::span<std::uint8_t> out_;
  std::size_t position_ = 0;
};

/// One box: its head is written when this is made, its size when this goes.
class Box {
 public:
  Box(BoxWriter& out, std::string_view type) noexcept : out_(out), begin_(out.position()) {
    out_.u32(0);
    out_.text(type);
  }
  /// A FullBox: one with a version and flags.
  Box(BoxWriter& out, std::string_view type, std::uint32_t version, std::uint32_t flags) noexcept
      : Box(out, type) {
    out_.u8(version);
    out_.u24(flags);
  }
  ~Box() { out_.patch(begin_, static_cast<std::uint32_t>(out_.position() - begin_)); }
  Box(const Box&) = delete;
  Box& operator=(const Box&) = delete;

 private:
  BoxWriter& out_;
  std::size_t begin_;
};

}  // namespace camring::av
