// One ring's way to its viewers: a Fragmenter makes units of its frames, which are taken in with the loop's
// turn, where the last groups of pictures are kept.
#pragma once

#include <atomic>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "app/log.h"
#include "app/metrics.h"
#include "fragmenter.h"
#include "history.h"
#include "net/server.h"
#include "options.h"
#include "ring/ring_follower.h"
#include "unit.h"

namespace camring::sseserve {

/// Who is told of a track's units, in the loop's turn.
class Viewer {
 public:
  virtual ~Viewer() = default;
  virtual void look() = 0;  ///< there may be something for it
};

struct TrackState {
  WriterState writer = WriterState::starting;
  FrameFormat format;
  std::string mime;  ///< "video/mp4; codecs=…", "image/jpeg"; empty: not known yet
  double fps = 0;
  std::uint64_t units = 0, missed = 0;
  std::optional<std::int64_t> capture_ns;  ///< of the newest unit, at the source
  std::int64_t correction_ns = 0;          ///< that the ring's writer keeps: hold this track back for so long
  bool ready = false;
  bool coming = true;  ///< units may come by themselves: a writer is there and its ring can be served
  std::string reason;  ///< why not ready
};

struct TrackOptions {
  std::chrono::nanoseconds fragment_time{0};
  std::chrono::nanoseconds stale_after = std::chrono::seconds(2);
};

/// The ring is read from construction to stop() or destruction. state() and stop() from any thread; the rest
/// in the loop's turn.
class Track final : private FrameSink {
 public:
  Track(std::string camera, Channel channel, QualitySpec spec, TrackOptions options, net::Server& server,
        app::Metrics& metrics);
  Track(const Track&) = delete;
  Track& operator=(const Track&) = delete;
  void stop() noexcept { follower_.stop(); }  ///< does not wait: reading ends soon

  [[nodiscard]] Channel channel() const noexcept { return channel_; }
  [[nodiscard]] const std::string& quality() const noexcept { return spec_.name; }
  [[nodiscard]] const std::string& ring() const noexcept { return spec_.ring; }
  [[nodiscard]] TrackState state() const;
  [[nodiscard]] bool alive() const noexcept { return follower_.alive(); }
  [[nodiscard]] bool coming() const;  ///< TrackState::coming
  [[nodiscard]] Codec codec() const;  ///< none: not known yet

  /// The newest units, the oldest first: the group of pictures at hand where it fits (History). Sequences
  /// without gaps.
  [[nodiscard]] const std::deque<UnitPtr>& history() const noexcept { return history_.units(); }
  /// What an event id of this track names, of this run or an earlier one; nothing: it is none.
  [[nodiscard]] std::optional<EventMark> mark_of(std::string_view id) const noexcept;
  void add(Viewer* viewer);
  void remove(Viewer* viewer) noexcept;
  void wake_viewers();
  [[nodiscard]] std::size_t viewers() const noexcept { return viewers_.size(); }
  /// Somebody wants units now and for some seconds; viewers want them as long as they last.
  void want() noexcept { follower_.want(); }
  std::function<void(const Unit&)> on_unit;  ///< after each one, in the loop's turn

 private:
  // FrameSink
  [[nodiscard]] std::string unfit(const FrameFormat& format) const override;
  void begin(RingReader& reader, bool anew) override;
  [[nodiscard]] bool take(RingReader& reader, const FrameView& view) override;
  void silent(RingReader* reader, const Silence& silence) override;
  void round(RingReader& reader, bool demanded) override;
  /// For who comes back all that the ring has; in between the newest.
  [[nodiscard]] bool wants_all(bool late) const override { return past_ || late; }
  [[nodiscard]] std::chrono::nanoseconds patience() const override { return options_.stale_after; }

  void hand_over(UnitPtr unit);
  [[nodiscard]] bool queue_is_full();
  void take_in();
  void arrived(UnitPtr unit);
  void note_stream();

  std::string camera_;
  Channel channel_;
  QualitySpec spec_;
  TrackOptions options_;
  net::Server& server_;
  const std::string id_begin_;  // of event ids
  app::Counter &units_total_, &overwritten_total_, &missed_total_, &unfit_total_, &late_total_;
  app::Gauge &viewers_gauge_, &source_up_;
  app::RepeatingFault fault_;

  std::atomic<bool> ask_key_{false};
  mutable std::mutex mutex_;  // guards state_
  TrackState state_;
  std::mutex inbox_mutex_;      // guards what follows
  std::vector<UnitPtr> inbox_;  // to be taken in with the loop's turn
  bool told_ = false;           // it is to take them in

  // The ring's thread's own.
  Fragmenter fragmenter_;
  bool past_ = true;                  // what comes lay in the ring before anybody read it
  std::int64_t last_publish_ns_ = 0;  // of the last frame taken
  std::int64_t last_frame_ns_ = 0, asked_ns_ = 0;

  // For who has the loop's turn.
  History history_;
  std::vector<Viewer*> viewers_;

  std::shared_ptr<int> alive_ = std::make_shared<int>(0);  // tasks in the loop look whether it is still there
  RingFollower follower_;                                  // the last: it ends before what it uses
};

}  // namespace camring::sseserve
