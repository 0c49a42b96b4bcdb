// How a tool learns that it shall stop (SIGINT, SIGTERM) or read its configuration again (SIGHUP).
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

#include "base/unique_fd.h"

namespace camring::app {

/// Turns signals into state that any thread can look at and a descriptor that any event loop can poll.
/// Construct before any other thread starts: it blocks the signals for all of them and ignores SIGPIPE.
class Stop {
 public:
  Stop();
  ~Stop();
  Stop(const Stop&) = delete;
  Stop& operator=(const Stop&) = delete;

  [[nodiscard]] bool requested() const noexcept { return requested_.load(std::memory_order_acquire); }
  /// Becomes and stays readable once a stop was requested; never read from it.
  [[nodiscard]] int fd() const noexcept { return event_.get(); }
  /// Requests a stop from inside the tool. Any thread.
  void request() noexcept;
  /// Number of SIGHUPs so far; a change means: reload.
  [[nodiscard]] unsigned reloads() const noexcept { return reloads_.load(std::memory_order_acquire); }
  /// Sleeps, but not past a stop. True when a stop was requested.
  bool wait_for(std::chrono::nanoseconds duration) const noexcept;

 private:
  void watch() noexcept;
  UniqueFd signals_, event_, quit_;
  std::atomic<bool> requested_{false};
  std::atomic<unsigned> reloads_{0};
  std::thread thread_;
};

}  // namespace camring::app
