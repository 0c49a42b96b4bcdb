// The newest part of a stream: from the newest keyframe on, and a little before it for who is a little
// behind.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>

#include "rtp/packet_block.h"

namespace camring::rtspserve {

/// In the loop's turn only.
class BlockStore {
 public:
  /// @param keep  for how long blocks before the newest keyframe stay
  explicit BlockStore(std::chrono::nanoseconds keep) : keep_ns_(keep.count()) {}

  /// Numbers the block and makes it the newest.
  void push(const std::shared_ptr<rtp::PacketBlock>& block, std::int64_t now_ns);
  /// Forgets all: what follows does not go on from it.
  void clear() noexcept;

  /// Block `sequence`; null when it is gone or not there yet.
  [[nodiscard]] const rtp::BlockPtr* find(std::uint64_t sequence) const noexcept;
  [[nodiscard]] std::uint64_t first() const noexcept { return next_ - blocks_.size(); }
  [[nodiscard]] std::uint64_t next() const noexcept { return next_; }  ///< of the block to come
  [[nodiscard]] const rtp::BlockPtr* newest() const noexcept {
    return blocks_.empty() ? nullptr : &blocks_.back();
  }
  /// The newest keyframe; next() when there is none.
  [[nodiscard]] std::uint64_t keyframe() const noexcept { return keyframe_ >= first() ? keyframe_ : next_; }

 private:
  std::int64_t keep_ns_;
  std::deque<rtp::BlockPtr> blocks_;
  std::uint64_t next_ = 1;
  std::uint64_t keyframe_ = 0;  // 0: none yet
  std::size_t bytes_ = 0;
};

}  // namespace camring::rtspserve
