#include "block_store.h"

namespace camring::rtspserve {
namespace {

// A stream with keyframes ten seconds apart fits; one without any must not grow for ever.
constexpr std::size_t kMaxBlocks = 1024;
constexpr std::size_t kMaxBytes = 64u << 20;

}  // namespace

void BlockStore::push(const std::shared_ptr<rtp::PacketBlock>& block, std::int64_t now_ns) {
  block->sequence = next_++;
  if (block->keyframe) keyframe_ = block->sequence;
  bytes_ += block->bytes.size();
  blocks_.push_back(block);
  while (blocks_.size() > 1) {
    const rtp::PacketBlock& oldest = *blocks_.front();
    const bool done_with = oldest.sequence < keyframe() && now_ns - oldest.available_ns > keep_ns_;
    if (!done_with && blocks_.size() <= kMaxBlocks && bytes_ <= kMaxBytes) break;
    bytes_ -= oldest.bytes.size();
    blocks_.pop_front();
  }
}

void BlockStore::clear() noexcept {
  blocks_.clear();
  bytes_ = 0;
  keyframe_ = 0;
}

const rtp::BlockPtr* BlockStore::find(std::uint64_t sequence) const noexcept {
  if (sequence < first() || sequence >= next_) return nullptr;
  return &blocks_[sequence - first()];
}

}  // namespace camring::rtspserve
