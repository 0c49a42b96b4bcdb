#include "stream_cursor.h"

#include <algorithm>

namespace camring::rtspserve {

void StreamCursor::start_cached(std::int64_t now_ns) noexcept {
  next_ = store_.keyframe();
  await_keyframe_ = true;  // where there is none yet
  start_ns_ = now_ns;
}

void StreamCursor::start_live(std::int64_t now_ns) noexcept {
  next_ = store_.next();
  await_keyframe_ = true;
  start_ns_ = now_ns;
}

void StreamCursor::skip_to(std::uint64_t sequence) noexcept {
  skipped_ += sequence - next_;
  next_ = sequence;
  await_keyframe_ = true;
}

const rtp::BlockPtr* StreamCursor::take(std::int64_t now_ns) noexcept {
  for (;;) {
    if (next_ < store_.first()) skip_to(std::max(store_.first(), std::min(store_.keyframe(), store_.next())));
    const rtp::BlockPtr* block = store_.find(next_);
    if (block == nullptr) return nullptr;
    if (await_keyframe_ && !(*block)->keyframe) {
      ++next_;  // before the first picture nothing is lost
      continue;
    }
    if (now_ns - std::max((*block)->available_ns, start_ns_) > max_lag_ns_) {
      const std::uint64_t keyframe = store_.keyframe();
      skip_to(keyframe > next_ ? keyframe : next_ + 1);
      continue;
    }
    await_keyframe_ = false;
    ++next_;
    return block;
  }
}

}  // namespace camring::rtspserve
