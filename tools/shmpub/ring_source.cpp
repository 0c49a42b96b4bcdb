#include "ring_source.h"

namespace camring::shmpub {

RingSource::RingSource(const std::string& name)
    : reader_(name, {.start = ReadStart::newest, .connect = false, .label = "shmpub"}) {}

SourceEvent RingSource::next(SourceFrame& frame, std::chrono::nanoseconds timeout) {
  if (!announced_ && reader_.attached()) {
    announced_ = true;
    return SourceEvent::changed;
  }
  switch (reader_.newest(view_, timeout)) {
    case ReadStatus::moved:
      announced_ = true;
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
  frame = {view_.info, view_.info.capture_ns, view_.payload, {}};
  // Metadata is copied with the payload where that is, else alone: a view without payload costs nothing to
  // copy.
  FrameView wanted = view_;
  if (!format().compressed()) wanted.payload = {};
  if ((format().compressed() || !view_.metadata.empty()) && !reader_.copy(wanted, bytes_, &metadata_)) {
    ++losses_.overwritten;
    return SourceEvent::idle;
  }
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
