// One TCP client's place in a stream: which access unit it gets next, and what a slow one is spared. No
// socket in it, so that every rule can be tested by itself.
#pragma once

#include <chrono>
#include <cstdint>

#include "block_store.h"

namespace camring::rtspserve {

/// Event loop only.
class StreamCursor {
 public:
  StreamCursor(const BlockStore& store, std::chrono::nanoseconds max_lag)
      : store_(store), max_lag_ns_(max_lag.count()) {}

  /// Begins with the newest keyframe that is there.
  void start_cached(std::int64_t now_ns) noexcept;
  /// Begins with the next keyframe to come.
  void start_live(std::int64_t now_ns) noexcept;

  /// The access unit to send next; null: none now. An access unit that has waited for longer than the bound
  /// is not given out: the next is the newest keyframe, or the next to come.
  [[nodiscard]] const rtp::BlockPtr* take(std::int64_t now_ns) noexcept;

  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }
  [[nodiscard]] bool awaits_keyframe() const noexcept { return await_keyframe_; }
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }  ///< access units not given out

 private:
  void skip_to(std::uint64_t sequence) noexcept;

  const BlockStore& store_;
  std::int64_t max_lag_ns_;
  std::uint64_t next_ = 0, skipped_ = 0;
  bool await_keyframe_ = true;
  std::int64_t start_ns_ = 0;  // nothing waited for this client before that
};

}  // namespace camring::rtspserve
