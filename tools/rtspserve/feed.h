// One ring's way to its clients: each access unit is packetised once and handed over.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/log.h"
#include "app/metrics.h"
#include "ring/ring_follower.h"
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

/// The ring is read from construction to stop() or destruction. All calls from any thread.
class Feed final : private FrameSink {
 public:
  /// `arrived` is called in the feed's thread with each block; null: the stream's codec is another from here
  /// on.
  Feed(std::string ring, FeedOptions options, app::Metrics& metrics,
       std::function<void(std::shared_ptr<rtp::PacketBlock>)> arrived);
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  [[nodiscard]] const std::string& ring() const noexcept { return ring_; }
  [[nodiscard]] FeedState state() const;
  [[nodiscard]] std::uint32_t ssrc() const noexcept { return ssrc_; }
  /// RTP time of a frame captured at a monotonic time.
  [[nodiscard]] std::uint32_t rtp_time(std::int64_t monotonic_ns) const noexcept {
    return time_base_ + rtp::ticks(monotonic_ns);
  }
  void set_viewers(std::size_t count) noexcept { follower_.set_watchers(count); }
  void want() noexcept { follower_.want(); }  ///< somebody is about to want frames: for some seconds
  void request_keyframe() noexcept { keyframe_wanted_.store(true); }
  [[nodiscard]] bool alive() const noexcept { return follower_.alive(); }
  void stop() noexcept { follower_.stop(); }  ///< does not wait

 private:
  // FrameSink
  [[nodiscard]] std::string unfit(const FrameFormat& format) const override;
  void begin(RingReader& reader, bool anew) override;
  [[nodiscard]] bool take(RingReader& reader, const FrameView& view) override;
  void silent(RingReader* reader, const Silence& silence) override;
  void round(RingReader& reader, bool demanded) override;
  [[nodiscard]] std::chrono::nanoseconds patience() const override { return options_.stale_after; }

  void publish_format();

  std::string ring_;
  FeedOptions options_;
  std::function<void(std::shared_ptr<rtp::PacketBlock>)> arrived_;
  std::uint32_t time_base_, ssrc_;
  std::uint16_t first_seq_;
  app::Counter &frames_total_, &missed_total_, &unfit_total_, &requests_total_;
  app::Gauge& source_up_;
  app::RepeatingFault fault_;

  std::atomic<bool> keyframe_wanted_{false};
  mutable std::mutex mutex_;
  FeedState state_;  // guarded

  // The ring's thread's own.
  FrameFormat format_;
  std::unique_ptr<rtp::Packetizer> packetizer_;
  std::unique_ptr<rtp::PacketWriter> stream_;
  std::vector<std::uint8_t> frame_, announced_;
  bool await_keyframe_ = true;
  std::int64_t last_capture_ns_ = 0, requested_ns_ = 0;

  RingFollower follower_;  // the last: it ends before what it uses
};

}  // namespace camring::rtspserve
