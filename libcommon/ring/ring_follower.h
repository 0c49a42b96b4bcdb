// A thread that reads one ring for as long as it lives, whatever becomes of the ring, its writer and who
// watches.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "ring/ring_reader.h"

namespace camring {

/// Why a ring gives nothing now.
struct Silence {
  WriterState writer = WriterState::absent;
  bool coming = false;  ///< frames may come by themselves: a writer is there, and its ring is of use
  std::string reason;   ///< for people; empty: nothing is wrong
};

/// What is done with a ring's frames. All is called from the follower's thread.
class FrameSink {
 public:
  virtual ~FrameSink() = default;
  /// What is wrong with frames of this format, with the cure; empty: nothing. Those with something wrong are
  /// not handed over.
  [[nodiscard]] virtual std::string unfit(const FrameFormat& format) const = 0;
  /// Frames of reader.format() follow. @param anew  of another generation; else the ring was opened, perhaps
  /// once more after an error
  virtual void begin(RingReader& reader, bool anew) = 0;
  /// A frame. False: it is none that can be shown.
  [[nodiscard]] virtual bool take(RingReader& reader, const FrameView& view) = 0;
  /// Nothing that can be shown: called a few times a second while that lasts.
  /// @param reader  null: the ring can't be opened
  virtual void silent(RingReader* reader, const Silence& silence) = 0;
  /// Before each wait, to ask the writer for things. @param demanded  somebody watches
  virtual void round(RingReader& reader, bool demanded) { (void)reader, (void)demanded; }
  /// Where pictures don't build on each other: whether each is wanted, and not the newest alone. Of video
  /// each is.
  /// @param late  those that came while nobody watched
  [[nodiscard]] virtual bool wants_all(bool late) const {
    (void)late;
    return true;
  }
  /// After how long without a frame something is wrong.
  [[nodiscard]] virtual std::chrono::nanoseconds patience() const = 0;
};

struct FollowerOptions {
  ReadStart start = ReadStart::newest;  ///< of the first reader; later ones begin with the newest frame
  std::string label = {};               ///< as ReaderOptions::label
  std::chrono::nanoseconds want_time =
      std::chrono::seconds(5);  ///< how long a question keeps an encoder going
  /// Between looks while nobody watches, at a ring of pictures: many hold no more than eight. Who wants all
  /// loses frames of a ring that holds less.
  std::chrono::nanoseconds doze_time = std::chrono::milliseconds(200);
  std::chrono::nanoseconds video_doze_time =
      std::chrono::milliseconds(500);  ///< rings of video hold seconds, or are found not to
};

/// The thread runs from construction to destruction, so the sink must be there before and after: as its
/// owner's last member a follower begins last and ends first. Demand for frames is told to the writer while
/// somebody watches, and for some seconds after want(); at other times the thread dozes: it looks a few times
/// a second at what came, and whoever comes rouses it. All calls from any thread.
class RingFollower {
 public:
  RingFollower(std::string ring, FollowerOptions options, FrameSink& sink);
  ~RingFollower();
  RingFollower(const RingFollower&) = delete;
  RingFollower& operator=(const RingFollower&) = delete;

  void stop() noexcept;                           ///< does not wait: the thread ends soon
  void want() noexcept;                           ///< somebody is about to watch
  void set_watchers(std::size_t count) noexcept;  ///< who watches now
  [[nodiscard]] bool running() const noexcept { return !quit_.load(); }  ///< not told to stop
  [[nodiscard]] bool watched() const noexcept { return watchers_.load() > 0; }
  [[nodiscard]] bool wanted() const noexcept;  ///< watched, or soon
  /// Whether the thread goes round: what a watchdog wants to know.
  [[nodiscard]] bool alive() const noexcept;

 private:
  void run();
  void begin(RingReader& reader, bool anew);
  void step(RingReader& reader);
  void look(RingReader& reader);
  [[nodiscard]] Silence silence_of(const RingReader& reader, std::int64_t now) const;
  void tell_demand(RingReader& reader);
  void rouse() noexcept;
  void doze();

  const std::string ring_;
  FollowerOptions options_;
  FrameSink& sink_;
  std::atomic<bool> quit_{false};
  std::atomic<std::size_t> watchers_{0};
  std::atomic<std::int64_t> wanted_until_ns_{0}, beat_ns_{0};
  std::mutex mutex_;  // guards nothing: between the look at what is wanted and the sleep nothing is missed
  std::condition_variable roused_;

  // The thread's own.
  std::string unfit_;        // what is wrong with the format at hand
  bool holds_long_ = false;  // the ring, as rings of video do
  bool demanded_ = false, coming_ = true;
  bool drained_ = false;  // the ring has nothing more, for now
  bool dozed_ = false;    // since it was drained
  std::int64_t demanded_since_ns_ = 0, last_frame_ns_ = 0, looked_ns_ = 0;

  std::thread thread_;
};

}  // namespace camring
