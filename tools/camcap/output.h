// From the capture thread into the ring: makes it when the format is known, marks gaps, counts, and tells
// readers and the service manager how the source does.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <span>
#include <string>

#include "app/log.h"
#include "app/metrics.h"
#include "app/notify.h"
#include "ring/ring_writer.h"

namespace camring::camcap {

/// Why a frame of the source did not reach the ring. A closed set: these are metric labels.
enum class Drop {
  driver,     ///< the driver skipped it: gaps in its sequence numbers
  corrupt,    ///< damaged: flagged by the driver or demuxer, not a whole JPEG, not decodable
  keyframe,   ///< it came before the first keyframe, nobody could have decoded it
  too_large,  ///< it does not fit into the ring and the ring could not grow
};
inline constexpr std::size_t kDrops = 4;
[[nodiscard]] const char* to_string(Drop drop) noexcept;

/// When a frame was captured, CLOCK_MONOTONIC, and what is special about it (frame_flag bits).
struct FrameTiming {
  std::int64_t capture_ns = 0;
  std::uint32_t flags = 0;
};

/// configure, claim, commit, publish, dropped, discontinuity: the capture thread.
/// tick, close, summary, frames: the main thread.
class Output {
 public:
  /// @param ring   as RingSpec; its format comes with configure()
  /// @param limit  frames after which done() is true; 0: never
  Output(RingSpec ring, std::uint64_t limit, app::Metrics& metrics, app::Notify& notify);
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;

  /// Makes the ring, or a new generation when the format changed. @throws Error as RingWriter does.
  void configure(const FrameFormat& format);
  [[nodiscard]] bool configured() const noexcept { return writer_ != nullptr; }
  [[nodiscard]] const FrameFormat& format() const noexcept { return writer_->format(); }

  [[nodiscard]] std::uint64_t next_number() const noexcept { return writer_->next_number(); }

  /// A raw frame to fill in place; fill all of format().raw_bytes().
  [[nodiscard]] Claim claim();
  void commit(Claim&& claim, const FrameTiming& timing);
  /// A frame from memory, out of pieces that are put one behind the other.
  void publish(std::initializer_list<std::span<const std::uint8_t>> pieces, const FrameTiming& timing);

  void dropped(Drop reason, std::uint64_t count = 1) noexcept;  ///< and marks the next frame
  void discontinuity() noexcept { discontinuity_ = true; }      ///< marks the next frame
  [[nodiscard]] bool done() const noexcept { return limit_ != 0 && frames() >= limit_; }
  void beat() noexcept;  ///< the capture thread is well, frame or not

  void source_up(bool up) noexcept;             ///< the camera or stream is connected
  void reconnecting(const std::string& cause);  ///< counted; `cause` is of a closed set
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t drops() const noexcept;

  /// To be called several times a second.
  void tick();
  void close() noexcept;
  [[nodiscard]] std::string summary() const;  ///< "240 frames in 8.0 s, 3 dropped (2 corrupt, 1 driver)"

 private:
  [[nodiscard]] CommitInfo commit_info(const FrameTiming& timing) noexcept;
  [[nodiscard]] bool grow(std::size_t bytes);
  void counted(std::int64_t now) noexcept;
  [[nodiscard]] std::string status() const;

  RingSpec spec_;
  std::uint64_t limit_;
  app::Metrics& metrics_;
  app::Notify& notify_;
  app::Counter& frames_total_;
  std::array<app::Counter*, kDrops> dropped_total_{};
  app::Gauge& source_up_;

  std::unique_ptr<RingWriter> writer_;        // made and used by the capture thread
  std::atomic<RingWriter*> shared_{nullptr};  // the same for tick(), once made
  bool discontinuity_ = false;
  app::RepeatingFault too_large_;

  std::atomic<std::uint64_t> frames_{0};
  std::atomic<std::int64_t> first_frame_ns_{0}, last_frame_ns_{0};
  std::atomic<std::int64_t> patience_ns_{0};  // a source silent for longer gives no signal
  std::atomic<bool> reconnecting_{false};

  // tick's own
  std::uint64_t frames_seen_ = 0, frames_at_status_ = 0;
  std::int64_t status_ns_ = 0;
  double fps_ = 0;
  bool silent_ = false;
};

}  // namespace camring::camcap
