// Waking many sleepers costs the one who does it: 0.1 ms for 10, 1 ms for 100. So the writer wakes one, each
// of them wakes a few more (a tree), and a backstop thread wakes whoever is left when a link was slow or
// stopped. The backstop is no further wake-up for the writer: it knows the rate, and looks by itself a moment
// after each frame is due.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace camring {

/// How many sleepers a reader wakes that was woken; a writer with so many or fewer wakes them all itself.
inline constexpr int kWakeFanout = 2;

/// The writer's side of waking. One thread at a time.
class Waker {
 public:
  Waker() = default;
  ~Waker();
  Waker(const Waker&) = delete;
  Waker& operator=(const Waker&) = delete;

  /// Wakes everybody who sleeps on `word`, most of them indirectly. The word must stay mapped until the next
  /// call of wake or settle.
  void wake(std::atomic<std::uint32_t>& word) noexcept;
  /// Wakes everybody who sleeps on `word`, directly, and forgets it.
  void wake_all_now(std::atomic<std::uint32_t>& word) noexcept;

 private:
  bool helped() noexcept;
  void backstop();
  void await_kick(std::uint32_t seen) noexcept;
  void rouse_rest() noexcept;

  bool many_ = false;       // more sleepers than the writer wakes by itself, when it last counted
  unsigned uncounted_ = 0;  // frames since then
  std::atomic<std::atomic<std::uint32_t>*> word_{nullptr};
  std::atomic<std::uint32_t> kicks_{0};     // frames to look after; futex of the backstop thread
  std::atomic<std::int64_t> kicked_ns_{0};  // CLOCK_MONOTONIC, of the last one
  std::atomic<bool> asleep_{false};         // the backstop must be woken to see a kick
  std::atomic<bool> busy_{false};           // the backstop is looking at *word_
  // Of the backstop alone: what it knows of the writer's pace.
  std::int64_t interval_ns_ = 0;  // from kick to kick, smoothed; 0: not known
  std::int64_t last_kick_ns_ = 0;
  std::atomic<bool> quit_{false};
  std::thread thread_;  // started when first needed
};

}  // namespace camring
