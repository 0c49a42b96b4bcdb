// Two rings beside each other: pairs, their offsets, and what the pictures say.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <optional>

#include "ring_feed.h"
#include "sync/content_correlator.h"
#include "sync/frame_pairer.h"
#include "sync/offset_estimator.h"

namespace camring::syncmon {

struct CheckRules {
  sync::PairBy by = sync::PairBy::automatic;
  bool content = false;
  sync::OffsetRules offset;
};

/// How offsets came about.
enum class How : std::uint8_t { nothing, number, time, code, content };
[[nodiscard]] const char* to_string(How how) noexcept;

struct PairReading {
  How how = How::nothing;
  sync::Estimate estimate;
  std::size_t violations = 0;        ///< in the window
  std::uint64_t all_violations = 0;  ///< since the beginning
  bool degraded = false;
  sync::PairCounts counts;
  std::optional<double> missing_percent;  ///< of the frames that should have paired in the window
  std::optional<sync::Suggestion> suggestion;
  std::optional<sync::ContentAnswer> content;  ///< with content, unless codes answered
  std::optional<std::int64_t> stamps_ns;       ///< with content: the offset by time stamps, if they pair
  std::optional<std::int64_t> apart_ns;        ///< newest moment of b less a's
  bool jumped = false;                         ///< a clock jumped within the window
  bool inferred = false;                       ///< capture times of a ring are estimates
};

/// One thread.
class PairCheck {
 public:
  explicit PairCheck(const CheckRules& rules);
  /// A frame of one of the rings; each ring's in its order.
  void add(sync::Side side, const Sighting& sighting);
  /// Costs well under a millisecond, plus about a millisecond where pictures are compared.
  [[nodiscard]] PairReading reading() const;
  [[nodiscard]] bool degraded() const noexcept { return answering().degraded(); }
  /// Offsets in the window.
  [[nodiscard]] std::size_t pairs() const noexcept { return answering().pairs(); }

 private:
  [[nodiscard]] const sync::FramePairer& pairer() const noexcept { return by_codes_ ? codes_ : stamps_; }
  void read_code(sync::Side side, const Sighting& sighting);
  void correlate(sync::Side side, const Sighting& sighting);
  void remember_counts();
  void drain(sync::FramePairer& pairer, sync::OffsetEstimator& into);
  [[nodiscard]] const sync::OffsetEstimator& answering() const noexcept {
    return rules_.content ? by_pictures_ : by_stamps_;
  }

  CheckRules rules_;
  sync::FramePairer stamps_, codes_;
  sync::OffsetEstimator by_stamps_, by_pictures_;
  sync::ContentCorrelator correlator_;
  sync::ContentAnswer content_;
  std::int64_t correlated_ns_ = 0, jumped_ns_ = 0, newest_ns_ = 0;
  bool by_codes_ = false;        ///< the pictures' codes pair
  std::int64_t codes_ns_ = 0;    ///< when they last did
  std::int64_t longest_ns_ = 0;  ///< period of the slower ring
  std::array<bool, 2> inferred_{};
  /// What had been counted at times within the window, so that old losses are forgotten.
  struct Counted {
    std::int64_t at_ns = 0;
    std::uint64_t pairs = 0, missing = 0;
  };
  std::deque<Counted> counted_;
};

}  // namespace camring::syncmon
