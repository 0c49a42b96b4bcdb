// JPEG pictures to planes and back through TurboJPEG, frame after frame: no exception, no allocation once
// warm, and damage that cameras produce daily is told apart from damage that makes a picture useless.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "av/image.h"

namespace camring::av {

/// What decoding brought.
enum class JpegStatus {
  ok,
  warning,      ///< decoded; the data breaks the standard harmlessly (e.g. bytes between segments)
  damaged,      ///< decoded, but parts of the picture are wrong
  truncated,    ///< the end is missing: nothing to use
  corrupt,      ///< no JPEG, or not decodable: nothing to use
  unsupported,  ///< a JPEG of a kind that cameras don't make (CMYK, more than 8 bits, over 64 million pixels)
};
[[nodiscard]] constexpr bool usable(JpegStatus status) noexcept {
  return status == JpegStatus::ok || status == JpegStatus::warning || status == JpegStatus::damaged;
}

/// Whether the bytes begin as a JPEG does and have an end marker behind their last scan. Looks at a few bytes
/// unless the frame carries padding; a file that was cut is found without decoding it.
[[nodiscard]] bool jpeg_is_whole(std::span<const std::uint8_t> jpeg) noexcept;

/// The size that its frame header says (ITU-T T.81, B.2.2), without decoding anything; empty when there is
/// none.
[[nodiscard]] std::optional<Size> jpeg_size(std::span<const std::uint8_t> jpeg) noexcept;

/// The factor that decoding divides the size by (1, 2, 4 or 8): the largest that leaves at least `target`.
[[nodiscard]] unsigned jpeg_reduction(Size jpeg, Size target) noexcept;

/// Decodes into planes as they are in the file (i420, i422, i444, gray8; rgb24 for the rare other layouts),
/// full range. Owns its handle: one thread at a time.
class JpegDecoder {
 public:
  JpegDecoder();  ///< @throws Error (system) when there is no memory.

  /// @param jpeg    one whole image; must not change meanwhile
  /// @param target  the size that is wanted: the picture comes at least that large and, by scaling inside the
  /// inverse
  ///                DCT, at half, a quarter or an eighth where that suffices. Empty: full size.
  /// @param out     reshaped; undefined when the result is not usable()
  [[nodiscard]] JpegStatus decode(std::span<const std::uint8_t> jpeg, Size target, Image& out);

  /// The size that the last usable image has in its file.
  [[nodiscard]] Size full_size() const noexcept { return full_size_; }

 private:
  struct Destroy {
    void operator()(void* handle) const noexcept;
  };
  [[nodiscard]] JpegStatus give_up(std::span<const std::uint8_t> jpeg) noexcept;
  [[nodiscard]] JpegStatus judge_warning(std::span<const std::uint8_t> jpeg) const noexcept;
  std::unique_ptr<void, Destroy> handle_;
  Size full_size_;
};

/// Encodes planes. Owns its handle and its buffer: one thread at a time.
class JpegEncoder {
 public:
  /// @param quality  1 to 100. @throws Error (system) when there is no memory.
  explicit JpegEncoder(int quality);

  /// What encode() takes without a conversion: i420, i422, i444, gray8.
  [[nodiscard]] static bool takes(PixelFormat pixels) noexcept;
  /// What to convert a picture to so that encode() takes it and its chroma is kept: nv12 gives i420, yuyv
  /// i422 …
  [[nodiscard]] static PixelFormat nearest(PixelFormat pixels) noexcept;

  /// One JPEG image (JFIF). The numbers are taken for full range: convert limited video first.
  /// @return the bytes, until the next call; empty when the picture's format is not taken or encoding failed
  [[nodiscard]] std::span<const std::uint8_t> encode(const ImageView& picture);

 private:
  struct Destroy {
    void operator()(void* handle) const noexcept;
  };
  std::unique_ptr<void, Destroy> handle_;
  int quality_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t capacity_ = 0;
  Image padded_;  // pictures of odd size with their last column and row repeated
};

}  // namespace camring::av
