// The newest units of a track, for viewers that come and come back: whole groups of pictures where they fit.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "unit.h"

namespace camring::sseserve {

struct HistoryLimits {
  std::int64_t span_ns = 10'000'000'000;  ///< for clients that come back
  std::size_t bytes = 32u << 20;
  std::size_t most_bytes = 128u << 20;  ///< also of a group of pictures that does not end
};

/// One thread.
class History {
 public:
  explicit History(HistoryLimits limits = {}) : limits_(limits) {}

  /// Takes the next one in, and lets old groups go where there is too much. A single group is kept however
  /// long it lasts, up to HistoryLimits::most_bytes; then its oldest units go, the keyframe first.
  /// @return false: no keyframe is kept, who comes now waits for the next one
  bool push(UnitPtr unit);
  /// The oldest first; sequences without gaps.
  [[nodiscard]] const std::deque<UnitPtr>& units() const noexcept { return units_; }

 private:
  void drop_front() noexcept;

  HistoryLimits limits_;
  std::deque<UnitPtr> units_;
  std::size_t bytes_ = 0;
};

}  // namespace camring::sseserve
