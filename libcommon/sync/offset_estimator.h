// How far two rings are apart, whether that grows, and what would bring them together.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "sync/moment.h"

namespace camring::sync {

struct OffsetRules {
  std::int64_t window_ns = 10'000'000'000;  ///< how long an offset is remembered
  std::int64_t tolerance_ns = 50'000'000;   ///< a larger offset, either way, is a violation
  std::size_t max_violations = 5;           ///< so many in a row degrade; as many good ones in a row recover
};

/// Holds back one of two rings.
struct Suggestion {
  Side delay_side = Side::a;
  std::int64_t delay_ns = 0;  ///< never negative
};

/// Offsets are b's lateness behind a, in ns; negative: b is earlier.
struct Estimate {
  std::size_t pairs = 0;       ///< in the window
  std::int64_t span_ns = 0;    ///< from the first to the last of them
  std::int64_t p50_ns = 0;     ///< median
  std::int64_t p95_ns = 0;     ///< of the offsets' amounts: 95 of 100 are no larger
  std::int64_t max_ns = 0;     ///< the offset whose amount is the largest, with its sign
  std::int64_t jitter_ns = 0;  ///< median distance from the median (MAD)
  std::int64_t recent_ns = 0;  ///< median of the last OffsetRules::max_violations
  /// How fast the offset grows, in millionths: the median of the slopes between all pairs (Theil 1950, Sen
  /// 1968); a quarter of the pairs may be wild (its breakdown point is 29 %). Empty under kDriftPairs pairs
  /// or kDriftSpanNs.
  std::optional<double> drift_ppm;
  /// Half of the drift's 95 % confidence interval (Sen 1968, with a normal approximation of Kendall's score).
  double drift_error_ppm = 0;
};

/// A bounded window of offsets. One thread. estimate() costs well under a millisecond.
class OffsetEstimator {
 public:
  static constexpr std::size_t kMemory = 2048;
  static constexpr std::size_t kDriftPairs = 10;
  static constexpr std::int64_t kDriftSpanNs = 1'000'000'000;

  explicit OffsetEstimator(OffsetRules rules = {}) : rules_(rules) {}

  /// @param at_ns  CLOCK_MONOTONIC; offsets come in the order of time
  void add(std::int64_t offset_ns, std::int64_t at_ns);
  /// Forgets what is older than the window, or than `least_ns` where that is longer: for when offsets stopped
  /// coming while frames did not.
  void expire(std::int64_t now_ns, std::int64_t least_ns = 0) noexcept;
  /// Forgets the window, as after a jump of clocks; violations stay counted, a degraded state stays.
  void clear() noexcept;

  /// @param with_drift  the drift costs more than all else together; without it there is none in the answer
  [[nodiscard]] Estimate estimate(bool with_drift = true) const;
  [[nodiscard]] std::uint64_t violations() const noexcept { return violations_; }  ///< since the beginning
  [[nodiscard]] std::size_t window_violations() const noexcept;
  [[nodiscard]] bool degraded() const noexcept { return degraded_; }
  [[nodiscard]] std::size_t pairs() const noexcept { return window_.size(); }
  /// By the last few offsets, so that it is right at once when a violation is found. Empty without any.
  [[nodiscard]] std::optional<Suggestion> suggestion() const;

 private:
  struct Point {
    std::int64_t at_ns, offset_ns;
  };
  [[nodiscard]] std::int64_t recent() const;
  void measure_drift(Estimate& estimate) const;

  OffsetRules rules_;
  std::deque<Point> window_;
  std::uint64_t violations_ = 0;
  std::size_t bad_run_ = 0, good_run_ = 0;
  bool degraded_ = false;
};

/// What each of several rings is to be delayed by so that all show what the latest one shows.
/// @param lateness_ns  of each ring behind any one of them
/// @return as many delays, the least of them 0
[[nodiscard]] std::vector<std::int64_t> delays_to_meet(const std::vector<std::int64_t>& lateness_ns);

}  // namespace camring::sync
