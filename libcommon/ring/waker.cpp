#include "ring/waker.h"

#include <climits>
#include <csignal>
#include <system_error>

#include "ring/futex.h"

namespace camring {
namespace {

// A healthy tree of 100 sleepers is through in well under this time.
constexpr std::int64_t kBackstopDelayNs = 1'000'000;

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
  if (futex_wake_unaware(word, word.load(std::memory_order_relaxed), kWakeFanout) < kWakeFanout) {
    return;  // that was everybody
  }
  if (!helped()) return wake_all_now(word);
  word_.store(&word);
  kicks_.fetch_add(1);
  futex_wake(kicks_, 1);
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
    const std::uint32_t kicks = kicks_.load();
    if (kicks == seen) {
      futex_wait(kicks_, seen, 1'000'000'000);
      continue;
    }
    seen = kicks;
    nap(kBackstopDelayNs);
    busy_.store(true);
    if (auto* word = word_.load(); word != nullptr) {
      futex_wake_unaware(*word, word->load(std::memory_order_relaxed), INT_MAX);
    }
    busy_.store(false);
  }
}

}  // namespace camring
