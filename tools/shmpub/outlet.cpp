#include "outlet.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace camring::shmpub {

Outlet::Outlet(const RingSpec& ring, std::chrono::nanoseconds delay, OutletCounts counts)
    : counts_(counts), format_(ring.format), writer_(ring) {
  if (delay > std::chrono::nanoseconds(0))
    line_.emplace(ring.name, delay, [this](const Held& held) { release(held); });
}

void Outlet::reconfigure(const FrameFormat& format) {
  if (line_)
    line_->change(format);
  else
    writer_.reconfigure(format);
  format_ = format;
}

Claim Outlet::make_room(std::size_t bytes, std::size_t metadata_bytes) {
  Claim claim = writer_.claim(bytes, metadata_bytes);
  if (claim) return claim;
  try {
    writer_.grow(bytes);
    claim = writer_.claim(bytes, metadata_bytes);
  } catch (const Error& error) {  // the directory is full; what is there goes on
    too_large_.report(error.what());
  }
  if (!claim) counts_.too_large.add();
  return claim;
}

std::span<std::uint8_t> Outlet::claim(std::size_t bytes, std::size_t metadata_bytes) {
  if (line_) return line_->claim(bytes);
  claim_ = make_room(bytes, metadata_bytes);
  return claim_.data();
}

void Outlet::commit(std::size_t bytes, const CommitInfo& info, std::int64_t published_ns) {
  if (line_) return line_->commit(bytes, info, published_ns);
  put(std::move(claim_), bytes, info);
}

void Outlet::put(Claim&& claim, std::size_t bytes, const CommitInfo& info) {
  writer_.commit(std::move(claim), bytes, info);
  counts_.frames.add();
  counts_.bytes.add(bytes);
  if ((info.flags & frame_flag::keyframe) != 0) counts_.keyframes.add();
}

void Outlet::release(const Held& held) {
  if (held.what == Held::What::format) return writer_.reconfigure(held.format);
  if (held.what == Held::What::no_signal) return writer_.set_signal(false);
  Claim claim = make_room(held.bytes->size(), held.metadata.size());
  if (!claim) {
    gap_ = true;
    lost_ = true;
    return;
  }
  std::copy(held.bytes->begin(), held.bytes->end(), claim.data().begin());
  CommitInfo info = held.info;
  if (std::exchange(gap_, false)) info.flags |= frame_flag::discontinuity;
  put(std::move(claim), held.bytes->size(), info);
}

std::optional<std::int64_t> Outlet::held_until() { return line_ ? line_->held_until() : std::nullopt; }

void Outlet::set_signal(bool present) {
  if (line_ && !present) return line_->no_signal();
  writer_.set_signal(present);
}

}  // namespace camring::shmpub
