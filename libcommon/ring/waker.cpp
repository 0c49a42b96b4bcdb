#include "ring/waker.h"

#include <climits>
#include <csignal>
#include <system_error>

#include "base/clock.h"
#include "ring/futex.h"

namespace camring {
namespace {

// A healthy tree of 100 sleepers is through in well under this time.
constexpr std::int64_t kBackstopDelayNs = 1'000'000;
// Slower writers wake the backstop with each frame: that costs them nothing.
constexpr std::int64_t kSlowest = 100'000'000;
// How often the backstop looks again for a frame that is late before it goes to sleep.
constexpr int kLatePatience = 4;
// Frames from one count of the sleepers to the next: rarer than one in a hundred, for the 99th percentile.
constexpr unsigned kCountEvery = 256;

void nap(std::int64_t ns) noexcept {
  const timespec time{0, static_cast<long>(ns)};
  ::nanosleep(&time, nullptr);
}

}  // namespace

Waker::~Waker() {
  if (!thread_.joinable()) return;
  quit_.store(true);
  kicks_.fetch_add(1);
  futex_wake(kicks_, 1);
  thread_.join();
}

bool Waker::helped() noexcept {
  try {
    if (!thread_.joinable()) thread_ = std::thread([this] { backstop(); });
    return true;
  } catch (const std::system_error&) {  // no more threads for this process or user
    return false;
  }
}

void Waker::wake(std::atomic<std::uint32_t>& word) noexcept {
  // Waking one costs half of waking two, but only a wake-up that finds too few tells that there are no more.
  const bool count = !many_ || ++uncounted_ >= kCountEvery;
  const int fanout = count ? kWakeFanout : 1;
  const int woken = futex_wake_unaware(word, word.load(std::memory_order_relaxed), fanout);
  if (count) uncounted_ = 0;
  many_ = woken == fanout;
  if (!many_) return;  // that was everybody
  if (!helped()) return wake_all_now(word);
  word_.store(&word);
  kicked_ns_.store(monotonic_ns());
  kicks_.fetch_add(1);
  if (asleep_.load()) futex_wake(kicks_, 1);
}

void Waker::wake_all_now(std::atomic<std::uint32_t>& word) noexcept {
  word_.store(nullptr);
  while (busy_.load())
    std::this_thread::yield();  // it is inside one system call on a word that may be unmapped next
  futex_wake(word, INT_MAX);
}

void Waker::backstop() {
  sigset_t all;  // signals are the program's business, not this thread's
  sigfillset(&all);
  ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
  std::uint32_t seen = 0;
  while (!quit_.load()) {
    await_kick(seen);
    const std::uint32_t kicks = kicks_.load();
    if (kicks == seen) continue;
    const std::int64_t kicked = kicked_ns_.load();
    const std::int64_t step = (kicked - last_kick_ns_) / static_cast<std::int64_t>(kicks - seen);
    interval_ns_ = interval_ns_ == 0 || interval_ns_ > kSlowest || step > kSlowest
                       ? step
                       : (3 * interval_ns_ + step) / 4;
    last_kick_ns_ = kicked;
    seen = kicks;
    if (const std::int64_t early = kicked + kBackstopDelayNs - monotonic_ns(); early > 0) nap(early);
    rouse_rest();
  }
}

// The writer does not wake this thread while frames come as often as before. One that comes earlier is looked
// after as much later.
void Waker::await_kick(std::uint32_t seen) noexcept {
  if (interval_ns_ != 0 && interval_ns_ <= kSlowest) {
    const std::int64_t due = last_kick_ns_ + interval_ns_ + kBackstopDelayNs;
    for (int i = 0; i <= kLatePatience && !quit_.load() && kicks_.load() == seen; ++i) {
      const std::int64_t wait = i == 0 ? due - monotonic_ns() : kBackstopDelayNs;
      if (wait > 0) futex_wait(kicks_, seen, wait);
    }
  }
  asleep_.store(true);
  if (kicks_.load() == seen && !quit_.load()) futex_wait(kicks_, seen, 1'000'000'000);
  asleep_.store(false);
}

void Waker::rouse_rest() noexcept {
  busy_.store(true);
  if (auto* word = word_.load(); word != nullptr) {
    futex_wake_unaware(*word, word->load(std::memory_order_relaxed), INT_MAX);
  }
  busy_.store(false);
}

}  // namespace camring
