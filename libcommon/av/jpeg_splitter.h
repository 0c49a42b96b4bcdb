// JPEG images one behind the other, as programs write them into a pipe: each is handed out with its last
// byte, not when the next begins, which may be a second later.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace camring::av {

/// One thread.
class JpegSplitter {
 public:
  static constexpr std::size_t kMaxBytes = std::size_t{64} << 20;  ///< a larger image is none

  /// Room for more of the stream; fill it and say so with pushed(). Ends the life of an image handed out.
  [[nodiscard]] std::span<std::uint8_t> room(std::size_t bytes);
  void pushed(std::size_t bytes) noexcept;  ///< so many bytes of the room were filled

  /// The next whole image, from SOI to EOI (ISO/IEC 10918-1, B.1.1), or one that the next image's begin cut
  /// short. Empty: more of the stream is needed. What is between images is skipped.
  [[nodiscard]] std::span<const std::uint8_t> next() noexcept;
  /// What the stream's end cut short; empty: nothing.
  [[nodiscard]] std::span<const std::uint8_t> rest() noexcept;

 private:
  [[nodiscard]] bool find_begin() noexcept;
  [[nodiscard]] std::span<const std::uint8_t> take(std::size_t end) noexcept;

  std::vector<std::uint8_t> bytes_;
  std::size_t filled_ = 0;  ///< of bytes_
  std::size_t begin_ = 0;   ///< of the image, once it was found; else where to look
  std::size_t at_ = 0;      ///< what comes next; behind filled_ while a segment is not whole
  bool inside_ = false;     ///< begin_ is an SOI
};

}  // namespace camring::av
