// The way of an output's frames into its ring: at once, or later by a delay.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "app/log.h"
#include "app/metrics.h"
#include "delay_line.h"
#include "ring/ring_writer.h"

namespace camring::shmpub {

/// What is counted when it has happened.
struct OutletCounts {
  app::Counter &frames, &keyframes, &bytes;  ///< put into the ring
  app::Counter& too_large;                   ///< frames that did not fit
};

/// Owns the ring. One thread at a time, but for what RingWriter allows any thread: beat, set_signal,
/// consumers, consumer_count, take_keyframe_request.
class Outlet {
 public:
  /// @param delay  0: frames are put into the ring where they are made
  /// @throws Error as RingWriter does.
  Outlet(const RingSpec& ring, std::chrono::nanoseconds delay, OutletCounts counts);

  /// Of the frames that are committed next; the ring's own is still another one while frames are held.
  [[nodiscard]] const FrameFormat& format() const noexcept { return format_; }
  /// @throws Error as RingWriter does; with a delay a later call does.
  void reconfigure(const FrameFormat& format);
  /// Memory to fill, where there is no delay the ring's own; empty when the ring has no room and can't grow
  /// (counted). Until the next claim it may be read, also after commit().
  [[nodiscard]] std::span<std::uint8_t> claim(std::size_t bytes, std::size_t metadata_bytes);
  /// @param published_ns  when the source's frame was published
  void commit(std::size_t bytes, const CommitInfo& info, std::int64_t published_ns);
  /// True once after a frame was lost on the way: what builds on it is no good.
  [[nodiscard]] bool take_loss() noexcept { return lost_.exchange(false); }
  /// When the last frame that is held is due; empty when none is. @throws what putting frames into the ring
  /// threw
  [[nodiscard]] std::optional<std::int64_t> held_until();

  void set_signal(bool present);  ///< behind the frames that are held
  void beat() noexcept { writer_.beat_loop(); }
  [[nodiscard]] std::vector<Consumer> consumers() const { return writer_.consumers(); }
  [[nodiscard]] std::size_t consumer_count() const noexcept { return writer_.consumer_count(); }
  [[nodiscard]] bool take_keyframe_request() noexcept { return writer_.take_keyframe_request(); }

 private:
  [[nodiscard]] Claim make_room(std::size_t bytes, std::size_t metadata_bytes);
  void put(Claim&& claim, std::size_t bytes, const CommitInfo& info);
  void release(const Held& held);

  OutletCounts counts_;
  FrameFormat format_;
  app::RepeatingFault too_large_;
  RingWriter writer_;
  Claim claim_;
  std::atomic<bool> lost_{false};
  bool gap_ = false;               // the line's thread: a frame before the next one was lost
  std::optional<DelayLine> line_;  // last: its thread ends before anything it uses goes
};

}  // namespace camring::shmpub
