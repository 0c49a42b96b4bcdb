// A thread for each ring, so that all of them are waited for at once.
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "judge.h"
#include "ring_feed.h"

namespace camring::syncmon {

/// Reads rings until destroyed. take(): one thread.
class Pump {
 public:
  /// @throws Error as RingFeed does.
  Pump(const std::vector<std::string>& rings, bool content);
  ~Pump();
  Pump(const Pump&) = delete;
  Pump& operator=(const Pump&) = delete;

  struct Arrival {
    std::size_t ring;
    Sighting sighting;
  };
  /// Puts what came into `into`, waiting at most so long for the first. @throws Error: what a ring's thread
  /// met.
  void take(std::vector<Arrival>& into, std::chrono::nanoseconds timeout);
  [[nodiscard]] WriterState writer(std::size_t ring) const noexcept {
    return states_[ring].load(std::memory_order_acquire);
  }

 private:
  void run(std::size_t ring) noexcept;

  std::vector<std::unique_ptr<RingFeed>> feeds_;
  std::vector<std::atomic<WriterState>> states_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable came_;
  std::vector<Arrival> arrivals_;
  std::exception_ptr failure_;
  std::atomic<bool> stop_{false};
  std::vector<std::thread> threads_;
};

}  // namespace camring::syncmon
