// Fewer frames a second than the source has, without judder: the frames nearest to an even grid of capture
// times are taken. The grid stands still; no counter drifts against the source.
#pragma once

#include <cstdint>
#include <optional>

#include "base/units.h"

namespace camring::shmpub {

/// Chooses frames of one source for one output. It never invents frames: a source slower than the wanted rate
/// comes through whole. Ask due() of each frame, and tell taken() of each that was used: a frame that turned
/// out bad leaves its place in the grid to the next.
class RateReducer {
 public:
  /// @param wanted   unset: every frame
  explicit RateReducer(std::optional<Rate> wanted) noexcept : wanted_(wanted) {}

  /// A (new) source begins. @param nominal  what it says of its rate; num 0: unknown, then it is learnt
  void restart(Rate nominal) noexcept;

  /// Another rate from the next frame on; the grid begins anew if it differs.
  void want(std::optional<Rate> wanted) noexcept {
    if (wanted == wanted_) return;
    wanted_ = wanted;
    started_ = false;
  }
  /// The next frame is due, and the grid stands from there.
  void begin_grid() noexcept { started_ = false; }

  /// Whether this frame is the nearest to the next place in the grid.
  /// @param time_ns  when it was captured
  /// @param number   its number at the source: tells how many frames the step from the one before spans
  [[nodiscard]] bool due(std::int64_t time_ns, std::uint64_t number) noexcept;
  /// The frame that was due last has been used.
  void taken() noexcept;

 private:
  void learn(std::int64_t time_ns, std::uint64_t number) noexcept;
  [[nodiscard]] std::int64_t place(std::int64_t index) const noexcept;

  std::optional<Rate> wanted_;
  bool started_ = false;  // anchor_ns_ holds
  bool seen_ = false;     // last_ns_ and last_number_ hold
  std::int64_t last_ns_ = 0;
  std::uint64_t last_number_ = 0;
  std::int64_t interval_ns_ = 0;  // of the source, smoothed; 0: not known yet
  std::int64_t samples_ = 0;      // that interval_ns_ comes from, up to a limit
  std::int64_t anchor_ns_ = 0;    // time of the grid's place 0
  std::int64_t next_ = 0;         // the place that waits for its frame
};

}  // namespace camring::shmpub
