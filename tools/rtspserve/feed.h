// One ring's way into the event loop: a thread that reads the ring, packetises each access unit once and
// hands it over.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "app/log.h"
#include "app/metrics.h"
#include "ring/ring_reader.h"
#include "rtp/packetizer.h"

namespace camring::rtspserve {

/// What is known of the ring now.
struct FeedState {
  WriterState writer = WriterState::absent;
  FrameFormat format;                ///< with the parameter sets in force; codec none while unknown
  std::uint64_t format_version = 0;  ///< goes up with each change of it
  std::uint64_t frames = 0, missed = 0, unfit = 0;
  std::optional<std::int64_t> capture_ns;  ///< of the newest frame
  std::int64_t period_ns = 0;              ///< between frames; 0 while unknown
  std::int64_t wall_offset_ns = 0;
  std::string reason;  ///< why nothing comes; empty while frames come
};

struct FeedOptions {
  std::size_t max_packet = 1400;
  std::chrono::nanoseconds stale_after = std::chrono::seconds(2);
};

/// The thread runs from construction to destruction. All calls from any thread.
class Feed {
 public:
  /// `arrived` is called in the feed's thread with each block; null: the stream's codec is another from here
  /// on.
  Feed(std::string ring, FeedOptions options, app::Metrics& metrics,
       std::function<void(std::shared_ptr<rtp::PacketBlock>)> arrived);
  ~Feed();
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  [[nodiscard]] const std::string& ring() const noexcept { return ring_; }
  [[nodiscard]] FeedState state() const;
  [[nodiscard]] std::uint32_t ssrc() const noexcept { return ssrc_; }
  /// RTP time of a frame captured at a monotonic time.
  [[nodiscard]] std::uint32_t rtp_time(std::int64_t monotonic_ns) const noexcept {
    return time_base_ + rtp::ticks(monotonic_ns);
  }
  void set_viewers(bool any) noexcept { viewers_.store(any); }
  void want() noexcept;  ///< somebody is about to want frames: for some seconds
  void request_keyframe() noexcept { keyframe_wanted_.store(true); }
  [[nodiscard]] bool alive() const noexcept;
  void stop() noexcept { quit_.store(true); }  ///< does not wait

 private:
  void run();
  void step(RingReader& reader);
  void take_frame(RingReader& reader, const FrameView& view);
  void follow_format(const FrameFormat& format);
  void publish_format();
  void look(RingReader& reader);

  std::string ring_;
  FeedOptions options_;
  std::function<void(std::shared_ptr<rtp::PacketBlock>)> arrived_;
  std::uint32_t time_base_, ssrc_;
  std::uint16_t first_seq_;
  app::Counter &frames_total_, &missed_total_, &unfit_total_, &requests_total_;
  app::Gauge& source_up_;
  app::RepeatingFault fault_;

  std::atomic<bool> quit_{false}, viewers_{false}, keyframe_wanted_{false};
  std::atomic<std::int64_t> wanted_until_ns_{0}, beat_ns_{0};
  mutable std::mutex mutex_;
  FeedState state_;  // guarded

  // The thread's own.
  FrameFormat format_;
  std::unique_ptr<rtp::Packetizer> packetizer_;
  std::unique_ptr<rtp::PacketWriter> stream_;
  std::vector<std::uint8_t> frame_, announced_;
  bool demanded_ = false, await_keyframe_ = true;
  std::int64_t demanded_since_ns_ = 0, last_frame_ns_ = 0, last_capture_ns_ = 0, looked_ns_ = 0,
               requested_ns_ = 0;

  std::thread thread_;
};

}  // namespace camring::rtspserve
