#include "net/cursor.h"

#include <algorithm>
#include <utility>

namespace camring::net {

Cursor::Cursor(StreamReply reply, std::chrono::nanoseconds max_lag)
    : reply_(std::move(reply)), max_lag_ns_(max_lag.count()) {}

void Cursor::end() noexcept {
  if (const auto ended = std::exchange(reply_.events.ended, nullptr)) ended();
}

bool Cursor::begin(std::int64_t now_ns) {
  if (reply_.source) {
    current_ = reply_.source->next(now_ns);
    offset_ = 0;
    if (current_) last_sequence_ = 1;  // not fresh any more
    return current_ != nullptr;
  }
  const ChunkPtr& latest = reply_.channel->latest();
  if (!latest || latest->sequence == last_sequence_) return false;
  const std::int64_t interval = reply_.min_interval.count();
  if (latest->counted) {
    // Who has just come gets a picture at once, though it may be the only one for seconds.
    const std::int64_t limit = fresh() ? std::max(max_lag_ns_, reply_.first_max_age.count()) : max_lag_ns_;
    if (now_ns - latest->available_ns > limit) return false;
    if (interval > 0 && latest->capture_ns < due_ns_) {
      last_sequence_ = latest->sequence;  // not wanted, so not missed
      return false;
    }
  }
  if (!fresh() && latest->sequence > last_sequence_ + 1 && interval == 0 && reply_.events.skipped) {
    reply_.events.skipped(latest->sequence - last_sequence_ - 1);
  }
  if (latest->counted && interval > 0) {
    // From the plan, not from the frame, so that the mean rate is right. A new plan, at first and after a
    // gap, has its times in the middle between frames that come at just this rate: no jitter drops one.
    due_ns_ += interval;
    if (due_ns_ < latest->capture_ns - interval / 2) due_ns_ = latest->capture_ns + interval / 2;
  }
  last_sequence_ = latest->sequence;
  current_ = latest;
  offset_ = 0;
  return true;
}

std::array<std::pair<const void*, std::size_t>, 3> Cursor::parts() const noexcept {
  const auto& framing = reply_.framing;
  const std::string_view head = framing ? std::string_view() : std::string_view(current_->head);
  const std::string_view tail =
      framing ? std::string_view(framing->between) : std::string_view(current_->tail);
  const bool body = current_->body != nullptr;
  return {{{head.data(), head.size()},
           {body ? current_->body->data() : nullptr, body ? current_->body->size() : 0},
           {tail.data(), tail.size()}}};
}

std::span<const iovec> Cursor::remaining() noexcept {
  std::size_t count = 0;
  std::size_t skip = offset_;
  for (const auto& [data, size] : parts()) {
    const std::size_t cut = std::min(skip, size);
    skip -= cut;
    if (size > cut) {
      left_[count++] = {const_cast<char*>(static_cast<const char*>(data)) + cut, size - cut};
    }
  }
  return {left_.data(), count};
}

void Cursor::went(std::size_t bytes) {
  offset_ += bytes;
  if (reply_.events.sent) reply_.events.sent(bytes);
  std::size_t size = 0;
  for (const auto& part : parts()) size += part.second;
  if (offset_ < size) return;
  if (reply_.events.delivered) reply_.events.delivered(*current_, offset_);
  current_.reset();
}

}  // namespace camring::net
