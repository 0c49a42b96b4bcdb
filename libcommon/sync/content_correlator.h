// How far two rings are apart by what their pictures show, for when time stamps lie: the brightness of the
// same scene goes up and down in both.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "sync/moment.h"

namespace camring::sync {

/// What the pictures say.
struct ContentAnswer {
  enum class Why : std::uint8_t {
    found,
    too_short,  ///< not yet two seconds that both rings cover
    still,      ///< the brightness hardly changes: nothing to compare
    unlike,     ///< nowhere alike: different scenes, or a larger offset than kReachNs
    ambiguous,  ///< alike at several offsets: the scene repeats itself
  };
  Why why = Why::too_short;
  std::int64_t offset_ns = 0;  ///< b shows what a shows so much later; of Why::found only
  double likeness = 0;         ///< best correlation, -1 to 1
  double confidence = 0;       ///< 0 to 1: likeness, and how much better it is than anywhere else
  std::size_t samples = 0;     ///< pictures of the ring that has fewer
};
[[nodiscard]] const char* to_string(ContentAnswer::Why why) noexcept;  ///< words for a person

/// Keeps the mean luma of both rings' pictures over a window and looks for the offset at which their changes
/// are most alike: both series on one grid of times, differenced, normalised cross-correlation, the peak
/// between grid points by a parabola. One thread. find() costs about a millisecond for ten seconds.
class ContentCorrelator {
 public:
  static constexpr std::size_t kMemory = 2048;
  static constexpr std::int64_t kReachNs = 2'000'000'000;  ///< largest offset that is looked for

  explicit ContentCorrelator(std::int64_t window_ns = 10'000'000'000) : window_ns_(window_ns) {}

  /// A picture's mean luma (0 to 255), seen at a time (CLOCK_MONOTONIC ns, going up; one that does not begins
  /// its series anew).
  void add(Side side, std::int64_t seen_ns, double luma);
  [[nodiscard]] ContentAnswer find() const;
  void clear() noexcept;

 private:
  struct Sample {
    std::int64_t at_ns;
    double luma;
  };
  using Series = std::deque<Sample>;
  std::int64_t window_ns_;
  std::array<Series, 2> series_;
};

}  // namespace camring::sync
