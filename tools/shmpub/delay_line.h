// Frames that are to reach their ring later than they were made: kept here, in order, each until its time has
// come.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "app/log.h"
#include "ring/ring_types.h"

namespace camring::shmpub {

/// One thing on its way to the ring: a frame, another format, or word that no signal comes any more.
struct Held {
  enum class What { frame, format, no_signal };
  What what = What::frame;
  std::int64_t due_ns = 0;                           ///< CLOCK_MONOTONIC
  std::shared_ptr<std::vector<std::uint8_t>> bytes;  ///< of a frame
  CommitInfo info;                                   ///< of a frame; its metadata is below
  std::string metadata;
  FrameFormat format;
};

/// Has a thread of its own, so that what is due waits for no source and no encoder. Everything comes out in
/// the order in which it went in; frames at their source's time and the delay, or at once where they were
/// made too late for that. The memory is bounded: what is over the limits comes out before its time, the
/// oldest first, and the user is told.
/// One thread at a time; `release` runs on the line's own. When that throws, nothing comes out any more, and
/// commit(), change() and held_until() throw the same.
class DelayLine {
 public:
  static constexpr std::chrono::seconds kLongest{10};
  static constexpr std::size_t kMaxFrames = 4096;
  static constexpr std::size_t kMaxBytes = std::size_t{256} << 20;

  /// @param name     of the ring, for messages
  /// @param release  called by the line's thread with each thing when its time has come
  DelayLine(std::string name, std::chrono::nanoseconds delay, std::function<void(const Held&)> release,
            std::size_t max_bytes = kMaxBytes);
  ~DelayLine();  ///< what is still held is dropped
  DelayLine(const DelayLine&) = delete;
  DelayLine& operator=(const DelayLine&) = delete;

  /// Memory for a frame, to be filled and committed, or not. Its bytes may be read until the next claim, also
  /// after commit() and after they were released.
  [[nodiscard]] std::span<std::uint8_t> claim(std::size_t bytes);
  /// @param bytes         that count of what was claimed
  /// @param published_ns  when the source's frame was published: the delay counts from then
  void commit(std::size_t bytes, const CommitInfo& info, std::int64_t published_ns);
  /// Frames from here on are of this format.
  void change(const FrameFormat& format);
  /// Nothing follows the frames before this until more are committed.
  void no_signal();
  /// When the last of what is held is due; empty when nothing is.
  [[nodiscard]] std::optional<std::int64_t> held_until();

 private:
  void push(std::unique_lock<std::mutex>& lock, Held held);
  [[nodiscard]] bool over_limits() const noexcept { return frames_ > kMaxFrames || bytes_ > max_bytes_; }
  void run() noexcept;
  void recycle(Held& held);

  const std::string name_;
  const std::int64_t delay_ns_;
  const std::size_t max_bytes_;
  const std::function<void(const Held&)> release_;
  std::shared_ptr<std::vector<std::uint8_t>> claimed_;
  app::RepeatingFault full_;

  std::mutex mutex_;  // guards all below
  std::condition_variable changed_;
  std::deque<Held> queue_;
  std::vector<std::shared_ptr<std::vector<std::uint8_t>>> spare_;
  std::size_t frames_ = 0, bytes_ = 0;
  std::int64_t last_due_ns_ = 0;
  bool releasing_ = false, quit_ = false;
  std::exception_ptr failure_;
  std::thread thread_;
};

}  // namespace camring::shmpub
