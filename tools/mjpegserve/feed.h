// One ring's way to its clients: each picture is copied once, wrapped once and taken in with the loop's turn;
// and the picture that stands in while there is none.
#pragma once

#include <atomic>
#include <chrono>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/log.h"
#include "app/metrics.h"
#include "net/channel.h"
#include "net/server.h"
#include "ring/ring_follower.h"

namespace camring::mjpegserve {

/// The boundary between the parts of a stream (RFC 2046, section 5.1).
inline constexpr const char* kBoundary = "camringframe";

/// What is known of a ring now.
struct FeedState {
  WriterState writer = WriterState::absent;
  FrameFormat format;
  Size size;  ///< of the newest picture, also where the ring does not say
  double fps = 0;
  std::optional<std::int64_t> capture_ns;  ///< of the newest picture
  std::uint64_t frames = 0, missed = 0;
  bool ready = false;
  bool coming = true;  ///< pictures may come by themselves: a writer is there and its ring can be served
  std::string reason;  ///< why not ready
};

/// A picture for a snapshot.
struct Snapshot {
  net::SharedBytes jpeg;
  std::int64_t capture_ns = 0;
  std::int64_t published_ns = 0;  ///< when the ring had it
  std::int64_t wall_offset_ns = 0;
};

struct FeedOptions {
  std::chrono::nanoseconds stale_after = std::chrono::seconds(2);
};

/// Reuses the memory of pictures that no client holds any more. Any thread.
class BufferPool : public std::enable_shared_from_this<BufferPool> {
 public:
  [[nodiscard]] std::shared_ptr<std::vector<std::uint8_t>> take();

 private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<std::vector<std::uint8_t>>> free_;
};

/// The ring is read from construction to stop() or destruction. state() and stop() from any thread; the rest
/// in the loop's turn.
class Feed final : private FrameSink {
 public:
  Feed(const std::string& ring, FeedOptions options, net::Server& server, app::Metrics& metrics);
  void stop() noexcept { follower_.stop(); }  ///< does not wait: reading ends soon
  Feed(const Feed&) = delete;
  Feed& operator=(const Feed&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] FeedState state() const;
  [[nodiscard]] const std::shared_ptr<net::Channel>& channel() const noexcept { return channel_; }
  [[nodiscard]] const std::optional<Snapshot>& newest() const noexcept { return newest_; }
  /// Calls back once with the first picture captured after `capture_ns`, or with nothing after `timeout`.
  void when_newer(std::int64_t capture_ns, std::chrono::nanoseconds timeout,
                  std::function<void(const std::optional<Snapshot>&)> callback);
  /// Somebody wants pictures now and for some seconds; streams want them as long as they last.
  void want() noexcept { follower_.want(); }
  /// Whether somebody does: if not, newest() may lag behind the ring.
  [[nodiscard]] bool wanted() const noexcept { return follower_.wanted(); }
  /// How old the newest picture may be and still be shown to who has just come.
  [[nodiscard]] std::chrono::nanoseconds patience() const noexcept override;
  /// Whether the ring's thread goes round: what a watchdog wants to know.
  [[nodiscard]] bool alive() const noexcept { return follower_.alive(); }
  [[nodiscard]] net::StreamEvents stream_events();

 private:
  struct Waiting {
    std::uint64_t id;
    std::int64_t capture_ns;
    std::function<void(const std::optional<Snapshot>&)> callback;
  };
  // FrameSink
  [[nodiscard]] std::string unfit(const FrameFormat& format) const override;
  void begin(RingReader& reader, bool anew) override;
  [[nodiscard]] bool take(RingReader& reader, const FrameView& view) override;
  void silent(RingReader* reader, const Silence& silence) override;
  [[nodiscard]] bool wants_all(bool) const override { return false; }

  void stand_in(const std::string& reason, std::int64_t now);
  void hand_over(std::shared_ptr<net::Chunk> chunk, Snapshot snapshot);
  void arrived(std::shared_ptr<net::Chunk> chunk, const Snapshot& snapshot);

  std::string name_;
  FeedOptions options_;
  net::Server& server_;
  std::shared_ptr<net::Channel> channel_ = std::make_shared<net::Channel>();
  std::shared_ptr<BufferPool> pool_ = std::make_shared<BufferPool>();
  app::Counter &frames_total_, &overwritten_total_, &missed_total_, &no_jpeg_total_, &late_total_;
  app::Counter &skipped_total_, &bytes_total_, &delivered_total_;
  app::Gauge &clients_, &source_up_;
  app::Histogram& age_;
  app::RepeatingFault fault_;

  mutable std::mutex mutex_;  // guards state_
  FeedState state_;

  std::atomic<std::int64_t> period_ns_{0};

  std::mutex inbox_mutex_;                                              // guards what follows
  std::deque<std::pair<std::shared_ptr<net::Chunk>, Snapshot>> inbox_;  // to be taken in with the loop's turn

  // The ring's thread's own.
  std::int64_t last_frame_ns_ = 0, last_capture_ns_ = 0, last_bad_ns_ = 0, stood_in_ns_ = 0;
  std::uint64_t last_number_ = 0;
  net::SharedBytes stand_in_;  // made once for a reason and a size
  std::string stand_in_reason_;
  Size stand_in_size_;

  // For who has the loop's turn.
  std::size_t streams_ = 0;
  std::optional<Snapshot> newest_;
  std::vector<Waiting> waiting_;
  std::uint64_t waiting_id_ = 0;

  std::shared_ptr<int> alive_ =
      std::make_shared<int>(0);  // tasks in the loop look whether this feed is still there
  RingFollower follower_;        // the last: it ends before what it uses
};

}  // namespace camring::mjpegserve
