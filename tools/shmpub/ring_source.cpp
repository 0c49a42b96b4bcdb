#include "ring_source.h"

#include <utility>

#include "base/clock.h"

namespace camring::shmpub {
namespace {

constexpr std::chrono::nanoseconds kMaxLag = std::chrono::milliseconds(500);
constexpr std::chrono::nanoseconds kStartTime = std::chrono::seconds(5);

}  // namespace

RingSource::RingSource(const std::string& name)
    : reader_(name, {.start = ReadStart::newest, .connect = false, .label = "shmpub"}) {}

bool RingSource::video() const noexcept { return is_video(format().codec); }

// Video is read in order, and a ring holds seconds of it: who can't keep up would stay as far behind. Nothing
// is taken until a keyframe that is fresh.
bool RingSource::too_late(const FrameInfo& frame) noexcept {
  if (!video()) return false;
  const std::int64_t now = monotonic_ns();
  const bool old = now - frame.publish_ns > kMaxLag.count();
  // The first frames are the newest keyframe and what followed it: as old as that is, and soon worked off.
  if (began_ns_ == 0) began_ns_ = now;
  been_fresh_ = been_fresh_ || !old || now - began_ns_ > kStartTime.count();
  if (old && been_fresh_) catching_up_ = true;
  if (!old && frame.keyframe()) catching_up_ = false;
  if (!old && catching_up_) request_keyframe();
  return catching_up_;
}

SourceEvent RingSource::next(SourceFrame& frame, std::chrono::nanoseconds timeout) {
  if (!announced_ && reader_.attached()) {
    announced_ = true;
    return SourceEvent::changed;
  }
  switch (reader_.newest(view_, timeout)) {
    case ReadStatus::moved:
      announced_ = true;
      been_fresh_ = catching_up_ = left_out_ = false;
      began_ns_ = 0;
      return SourceEvent::changed;
    case ReadStatus::corrupt:
      ++losses_.corrupt;
      return SourceEvent::idle;
    case ReadStatus::timeout:
      return SourceEvent::idle;
    case ReadStatus::frame:
      break;
  }
  losses_.behind += view_.missed;
  left_out_ = left_out_ || (video() && view_.missed > 0);
  if (too_late(view_.info)) {
    ++losses_.behind;
    left_out_ = true;
    return SourceEvent::idle;
  }
  frame = {view_.info, view_.info.capture_ns, view_.payload, {}};
  // Metadata is copied with the payload where that is, else alone: a view without payload costs nothing to
  // copy.
  FrameView wanted = view_;
  if (!format().compressed()) wanted.payload = {};
  if ((format().compressed() || !view_.metadata.empty()) && !reader_.copy(wanted, bytes_, &metadata_)) {
    ++losses_.overwritten;
    if (video()) {  // what follows builds on it
      catching_up_ = left_out_ = true;
      request_keyframe();
    }
    return SourceEvent::idle;
  }
  if (std::exchange(left_out_, false)) frame.info.flags |= frame_flag::discontinuity;
  if (format().compressed()) frame.payload = bytes_;
  if (!view_.metadata.empty()) frame.metadata = metadata_;
  return SourceEvent::frame;
}

bool RingSource::still_valid(const SourceFrame& frame) const noexcept {
  return frame.payload.data() != view_.payload.data() || reader_.still_valid(view_);
}

std::string RingSource::trouble() const {
  const std::string ring = "ring '" + reader_.name() + "'";
  switch (reader_.writer_state()) {
    case WriterState::absent:
      return ring + " is not there";
    case WriterState::no_signal:
      return ring + " has no signal";
    case WriterState::stalled:
      return "the writer of " + ring + " is stopped or hangs";
    case WriterState::ended:
      return "the writer of " + ring + " has ended";
    case WriterState::dead:
      return "the writer of " + ring + " died";
    case WriterState::starting:
    case WriterState::live:
      break;
  }
  return {};
}

}  // namespace camring::shmpub
