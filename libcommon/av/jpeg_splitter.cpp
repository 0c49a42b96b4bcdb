#include "av/jpeg_splitter.h"

#include <algorithm>
#include <cstring>

namespace camring::av {
namespace {

constexpr std::uint8_t kSoi = 0xd8, kEoi = 0xd9, kTem = 0x01;

bool is_restart(std::uint8_t code) { return code >= 0xd0 && code <= 0xd7; }

}  // namespace

std::span<std::uint8_t> JpegSplitter::room(std::size_t bytes) {
  if (begin_ > 0) {
    const std::size_t gone = std::min(begin_, filled_);
    std::memmove(bytes_.data(), bytes_.data() + gone, filled_ - gone);
    filled_ -= gone;
    at_ -= std::min(gone, at_);
    begin_ = 0;
  }
  if (filled_ > kMaxBytes) {
    filled_ = 0;
    inside_ = false;
  }
  if (bytes_.size() < filled_ + bytes) bytes_.resize(std::max(filled_ + bytes, bytes_.size() * 2));
  return {bytes_.data() + filled_, bytes};
}

void JpegSplitter::pushed(std::size_t bytes) noexcept { filled_ += bytes; }

bool JpegSplitter::find_begin() noexcept {
  for (; begin_ + 1 < filled_; ++begin_) {
    if (bytes_[begin_] != 0xff || bytes_[begin_ + 1] != kSoi) continue;
    inside_ = true;
    at_ = begin_ + 2;
    return true;
  }
  return false;
}

std::span<const std::uint8_t> JpegSplitter::take(std::size_t end) noexcept {
  const std::span<const std::uint8_t> image(bytes_.data() + begin_, end - begin_);
  begin_ = end;
  inside_ = false;
  return image;
}

std::span<const std::uint8_t> JpegSplitter::next() noexcept {
  if (!inside_ && !find_begin()) return {};
  while (at_ + 1 < filled_) {
    const std::uint8_t code = bytes_[at_ + 1];
    if (bytes_[at_] != 0xff) {
      // Entropy-coded data, or damage between segments: to the next marker.
      const void* found = std::memchr(bytes_.data() + at_, 0xff, filled_ - at_);
      at_ = found == nullptr
                ? filled_
                : static_cast<std::size_t>(static_cast<const std::uint8_t*>(found) - bytes_.data());
    } else if (code == 0xff) {
      ++at_;  // a fill byte
    } else if (code == 0 || code == kTem || is_restart(code)) {
      at_ += 2;
    } else if (code == kEoi) {
      return take(at_ + 2);
    } else if (code == kSoi) {
      return take(at_);
    } else {
      if (at_ + 3 >= filled_) return {};
      at_ += 2 + std::max<std::size_t>(2, std::size_t{bytes_[at_ + 2]} << 8 | bytes_[at_ + 3]);
    }
  }
  return {};
}

std::span<const std::uint8_t> JpegSplitter::rest() noexcept {
  return inside_ ? take(filled_) : std::span<const std::uint8_t>();
}

}  // namespace camring::av
