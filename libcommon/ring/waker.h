// Waking many sleepers costs the one who does it: 0.1 ms for 10, 1 ms for 100. So the writer wakes a few,
// each of them wakes a few more (a tree), and a backstop thread wakes whoever is left when a link was slow or
// stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>

namespace camring {

/// How many sleepers writer and readers wake each.
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
  std::atomic<std::atomic<std::uint32_t>*> word_{nullptr};
  std::atomic<std::uint32_t> kicks_{0};  // futex of the backstop thread
  std::atomic<bool> busy_{false};        // the backstop is looking at *word_
  std::atomic<bool> quit_{false};
  std::thread thread_;  // started when first needed
};

}  // namespace camring
