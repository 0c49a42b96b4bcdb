// Size and pixel format of a picture changed in one pass, with the meaning of its numbers kept: full and
// limited range and the YUV matrix are converted where source and target differ, so that black stays black.
#pragma once

#include <memory>
#include <utility>

#include "av/image.h"

struct SwsContext;

namespace camring::av {

/// Scales through libswscale, and through libyuv where a picture is halved. Keeps the prepared filters of its
/// last use, so have one for each conversion that repeats. One thread at a time.
class Scaler {
 public:
  /// The filter used where the size changes.
  enum class Filter {
    area,     ///< averages over the area when shrinking; the cheapest that neither aliases nor blurs visibly
    bicubic,  ///< sharper, at two to three times the cost
  };

  explicit Scaler(Filter filter = Filter::area) noexcept : filter_(filter) {}

  /// Fills `to` from `from`: any of our pixel formats and sizes, odd ones included. A matrix that either side
  /// leaves unspecified is taken for the other's (for RGB: BT.601, as JPEG and V4L2's cameras have it).
  /// Reads nothing behind the last row of `from` and writes nothing outside the rows of `to` and their
  /// padding, whatever libswscale's vector code would like to: either may end at the end of a mapping.
  /// @return false when libswscale refuses (sizes that make no sense to it): nothing was written
  [[nodiscard]] bool scale(const ImageView& from, const ImageSpan& to);

  /// Whether scale() would only copy: format, size, range and matrix are the same. Looks at no pixels.
  [[nodiscard]] static bool copies(const ImageView& from, const ImageSpan& to) noexcept;

 private:
  struct Side {
    PixelFormat pixels = PixelFormat::none;
    Size size;
    bool full = false;
    int matrix = 0;
    friend bool operator==(const Side&, const Side&) = default;
  };
  struct Free {
    void operator()(SwsContext* context) const noexcept;
  };
  static std::pair<Side, Side> sides_of(const ImageView& from, const ImageSpan& to) noexcept;
  bool prepare(const Side& from, const Side& to);
  bool run(const ImageView& from, const ImageSpan& to);
  bool run_even(const ImageView& from, const ImageSpan& to);

  Filter filter_;
  Side from_, to_;
  std::unique_ptr<SwsContext, Free> context_;
  bool in_slices_ = false;
  Image source_stage_, target_stage_;
  std::unique_ptr<Scaler> before_;  // the first of two steps, where one would be inexact
  Image between_;
};

}  // namespace camring::av
