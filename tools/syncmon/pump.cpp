#include "pump.h"

#include <utility>

namespace camring::syncmon {
namespace {

constexpr std::chrono::milliseconds kLook{50};
constexpr std::size_t kMost = 8192;  // arrivals that wait; more only come while the taker is stopped

}  // namespace

Pump::Pump(const std::vector<std::string>& rings, bool content) : states_(rings.size()) {
  for (const std::string& name : rings) feeds_.push_back(std::make_unique<RingFeed>(name, content));
  for (std::size_t i = 0; i < feeds_.size(); ++i) {
    states_[i] = feeds_[i]->reader().writer_state();
    threads_.emplace_back([this, i] { run(i); });
  }
}

Pump::~Pump() {
  stop_ = true;
  for (std::thread& thread : threads_) thread.join();
}

void Pump::run(std::size_t ring) noexcept {
  RingFeed& feed = *feeds_[ring];
  try {
    bool lost = false;
    while (!stop_.load(std::memory_order_relaxed)) {
      const bool got = feed.next(kLook);
      states_[ring].store(feed.reader().writer_state(), std::memory_order_release);
      if (!got) continue;
      const std::lock_guard lock(mutex_);
      if (arrivals_.size() >= kMost) {
        lost = true;
        continue;
      }
      arrivals_.push_back({ring, feed.sighting()});
      arrivals_.back().sighting.moment.gap_before |= std::exchange(lost, false);
      came_.notify_one();
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    failure_ = std::current_exception();
    came_.notify_one();
  }
}

void Pump::take(std::vector<Arrival>& into, std::chrono::nanoseconds timeout) {
  into.clear();
  std::unique_lock lock(mutex_);
  came_.wait_for(lock, timeout, [this] { return !arrivals_.empty() || failure_; });
  if (failure_) std::rethrow_exception(failure_);
  std::swap(into, arrivals_);
}

}  // namespace camring::syncmon
