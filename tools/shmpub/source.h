// Where shmpub's frames come from: a ring, or a program on the other end of a pipe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "frame/format.h"
#include "frame/frame_ref.h"

namespace camring::shmpub {

/// One frame of a source. Its bytes live until the source's next next(); raw frames of a ring are in place:
/// see Source::still_valid.
using SourceFrame = FrameRef;

enum class SourceEvent {
  frame,    ///< there is a frame
  idle,     ///< nothing came in time, or what came was no use and is counted
  changed,  ///< format() is another one, or the source began anew: what follows does not continue what was
  ended,    ///< there will never be more
};

/// Frames lost before shmpub saw them whole, by reason.
struct SourceLosses {
  std::uint64_t behind = 0;       ///< this process was too slow and went on with the newest
  std::uint64_t overwritten = 0;  ///< gone while being copied
  std::uint64_t corrupt = 0;      ///< the ring or the stream made no sense
};

/// One thread at a time, but for still_valid: any, while the frame lives.
class Source {
 public:
  virtual ~Source() = default;
  /// The next frame worth having, waiting at most `timeout`. Returns early when a stop is requested.
  /// @throws Error when the source can't be used at all.
  [[nodiscard]] virtual SourceEvent next(SourceFrame& frame, std::chrono::nanoseconds timeout) = 0;
  /// Whether the frame's bytes have been its own up to now. What is false must not be published.
  [[nodiscard]] virtual bool still_valid(const SourceFrame& frame) const noexcept = 0;
  [[nodiscard]] virtual const FrameFormat& format() const noexcept = 0;  ///< codec none: not known yet
  /// Why nothing comes, in words; empty while all is well.
  [[nodiscard]] virtual std::string trouble() const = 0;
  [[nodiscard]] virtual SourceLosses losses() const noexcept = 0;
  virtual void set_demand(bool /*wanted*/) {
  }  ///< tells whoever feeds the source that frames are (not) wanted
  virtual void request_keyframe() {}
};

}  // namespace camring::shmpub
