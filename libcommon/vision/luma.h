// The part of a picture that health checks measure: its luma as one plane of bytes, and its mean colour.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "av/image.h"

namespace camring::vision {

/// A plane of 8-bit luma to read; owns nothing.
struct LumaView {
  const std::uint8_t* data = nullptr;
  std::ptrdiff_t stride_bytes = 0;
  Size size;
  bool full_range = true;  ///< 0..255; false: 16..235
  [[nodiscard]] const std::uint8_t* row(std::uint32_t y) const noexcept {
    return data + static_cast<std::ptrdiff_t>(y) * stride_bytes;
  }
};

/// A rectangle in pixels.
struct Region {
  std::uint32_t x = 0, y = 0;
  Size size;
};

/// "640x360+100+50": size, then how far from the left and from the top. @throws std::invalid_argument.
[[nodiscard]] Region parse_region(std::string_view text);

/// How far a picture's mean colour is from grey, on the scale of full-range YCbCr (BT.601 for RGB).
struct ColourMean {
  double blue = 0;  ///< mean Cb - 128; positive: bluish
  double red = 0;   ///< mean Cr - 128; positive: reddish
};

/// Finds luma and mean colour in pictures of all our formats. Planar formats are read in place; packed ones
/// are unpacked into a buffer that is kept from picture to picture. One thread at a time.
class LumaReader {
 public:
  /// @param region  empty: all of it; else cut to the picture
  /// @return the luma, until the next call and while the picture's bytes live; empty size when the region
  ///   lies outside
  [[nodiscard]] LumaView luma(const av::ImageView& picture, const std::optional<Region>& region = {});

 private:
  std::vector<std::uint8_t> unpacked_;
};

/// Empty for gray8. Looks at every fourth row of chroma.
[[nodiscard]] std::optional<ColourMean> mean_colour(const av::ImageView& picture,
                                                    const std::optional<Region>& region = {});

}  // namespace camring::vision
