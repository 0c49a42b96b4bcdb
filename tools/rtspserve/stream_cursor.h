// One TCP client's place in a stream: which access unit it gets next, and what a slow one is spared. No
// socket in it, so that every rule can be tested by itself.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "block_store.h"

namespace camring::rtspserve {

/// In the loop's turn only.
class StreamCursor {
 public:
  StreamCursor(const BlockStore& store, std::chrono::nanoseconds max_lag)
      : max_lag_ns_(max_lag.count()), store_(store) {}

  /// Begins with the newest keyframe that is there.
  void start_cached(std::int64_t now_ns) noexcept;
  /// Begins with the next keyframe to come.
  void start_live(std::int64_t now_ns) noexcept;

  /// The access unit to send next; null: none now. An access unit that has waited for longer than the bound
  /// is not given out: the next is the newest keyframe, or the next to come.
  [[nodiscard]] const rtp::BlockPtr* take(std::int64_t now_ns) noexcept;

  /// take() for the newest access unit, where it is due to this client: most are, and so nothing is looked
  /// up. False: take() knows what to do.
  [[nodiscard]] bool take_newest(const rtp::PacketBlock& newest, std::int64_t now_ns) noexcept {
    if (newest.sequence != next_ || await_keyframe_ ||
        now_ns - std::max(newest.available_ns, start_ns_) > max_lag_ns_) {
      return false;
    }
    ++next_;
    return true;
  }

  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  [[nodiscard]] bool awaits_keyframe() const noexcept { return await_keyframe_; }
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }  ///< access units not given out

 private:
  void skip_to(std::uint64_t sequence) noexcept;

  std::uint64_t next_ = 0;
  std::int64_t start_ns_ = 0;  // nothing waited for this client before that
  std::int64_t max_lag_ns_;
  bool await_keyframe_ = true;
  std::uint64_t skipped_ = 0;
  const BlockStore& store_;
};

}  // namespace camring::rtspserve
