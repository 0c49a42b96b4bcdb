// When the frames of a file, a stream or a pipe were captured, on our clock.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

namespace camring::camcap {

/// Maps a source's timestamps to CLOCK_MONOTONIC. One thread.
class MediaClock {
 public:
  enum class Kind {
    paced,    ///< a file: frames are due as their timestamps say, counted from its start
    fast,     ///< a file as fast as it goes: now
    live,     ///< a stream: arrival, smoothed by the timestamps, so that network jitter is not taken for
              ///< movement
    arrival,  ///< no timestamps to believe
  };
  explicit MediaClock(Kind kind) : kind_(kind) {}

  struct Due {
    std::int64_t capture_ns = 0;
    std::chrono::nanoseconds wait{0};  ///< until the frame is due; not positive: now
    bool jumped = false;               ///< time does not go on from the frame before
  };
  /// @param timestamp_ns  the frame's own; unset where it has none
  /// @param period_ns     how long a frame lasts, for where there is no timestamp; 0 unknown
  [[nodiscard]] Due next(std::optional<std::int64_t> timestamp_ns, std::int64_t period_ns,
                         std::int64_t now_ns) noexcept;
  /// The source begins again (a file's loop, a new connection): timestamps start anew.
  void restart() noexcept;

 private:
  Kind kind_;
  bool started_ = false;
  std::int64_t offset_ns_ = 0;  // what to add to a timestamp
  std::int64_t last_stamp_ns_ = 0, last_capture_ns_ = 0, last_period_ns_ = 0;
};

}  // namespace camring::camcap
