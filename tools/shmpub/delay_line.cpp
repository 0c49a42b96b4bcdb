#include "delay_line.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"

namespace camring::shmpub {
namespace {

// Raw pictures of one size come and go: their memory is used again. More than a few are never free at once.
constexpr std::size_t kMaxSpare = 4;

}  // namespace

DelayLine::DelayLine(std::string name, std::chrono::nanoseconds delay,
                     std::function<void(const Held&)> release, std::size_t max_bytes)
    : name_(std::move(name)),
      delay_ns_(delay.count()),
      max_bytes_(max_bytes),
      release_(std::move(release)),
      thread_([this] { run(); }) {}

DelayLine::~DelayLine() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  changed_.notify_one();
  thread_.join();
}

std::span<std::uint8_t> DelayLine::claim(std::size_t bytes) {
  claimed_.reset();
  {
    const std::lock_guard lock(mutex_);
    if (!spare_.empty()) {
      // A keyframe's memory would be too much for the small frames behind it.
      if (spare_.back()->capacity() / 2 <= bytes) claimed_ = std::move(spare_.back());
      spare_.pop_back();
    }
  }
  if (!claimed_) claimed_ = std::make_shared<std::vector<std::uint8_t>>();
  claimed_->resize(bytes);
  return *claimed_;
}

void DelayLine::commit(std::size_t bytes, const CommitInfo& info, std::int64_t published_ns) {
  claimed_->resize(bytes);
  Held held;
  held.bytes = claimed_;
  held.info = info;
  held.metadata = info.metadata;
  // A clock of somebody else's that runs ahead must not keep a frame for ever.
  held.due_ns = std::min(published_ns, monotonic_ns()) + delay_ns_;
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  push(lock, std::move(held));
}

void DelayLine::change(const FrameFormat& format) {
  Held held;
  held.what = Held::What::format;
  held.format = format;
  std::unique_lock lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  push(lock, std::move(held));
}

void DelayLine::no_signal() {
  std::unique_lock lock(mutex_);
  if (failure_) return;
  if (!queue_.empty() && queue_.back().what == Held::What::no_signal) return;  // said again and again
  Held held;
  held.what = Held::What::no_signal;
  push(lock, std::move(held));
}

void DelayLine::push(std::unique_lock<std::mutex>& lock, Held held) {
  held.due_ns = last_due_ns_ = std::max(held.due_ns, last_due_ns_);
  if (held.bytes) {
    ++frames_;
    bytes_ += held.bytes->size();
  }
  queue_.push_back(std::move(held));
  const bool look = queue_.size() == 1 || over_limits();
  lock.unlock();
  if (look) changed_.notify_one();
}

std::optional<std::int64_t> DelayLine::held_until() {
  const std::lock_guard lock(mutex_);
  if (failure_) std::rethrow_exception(failure_);
  if (queue_.empty() && !releasing_) return std::nullopt;
  return last_due_ns_;
}

// Only memory that nobody reads any more: an encoder may still look at what was released.
void DelayLine::recycle(Held& held) {
  if (!held.bytes) return;
  --frames_;
  bytes_ -= held.bytes->size();
  if (spare_.size() < kMaxSpare && held.bytes.use_count() == 1) spare_.push_back(std::move(held.bytes));
}

void DelayLine::run() noexcept {
  std::unique_lock lock(mutex_);
  while (!quit_) {
    if (queue_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const std::int64_t due_ns = queue_.front().due_ns;
    const bool full = over_limits();
    if (due_ns > monotonic_ns() && !full) {
      changed_.wait_until(lock, std::chrono::steady_clock::time_point(std::chrono::nanoseconds(due_ns)));
      continue;
    }
    Held held = std::move(queue_.front());
    queue_.pop_front();
    releasing_ = true;
    lock.unlock();
    std::exception_ptr failure;
    try {
      if (full) {
        full_.report("ring " + name_ +
                     ": more is held back than memory allows, frames come out before their time; delay an "
                     "encoded output instead, or by less");
      }
      held.info.metadata = held.metadata;
      release_(held);
    } catch (...) {
      failure = std::current_exception();
    }
    lock.lock();
    releasing_ = false;
    recycle(held);
    if (failure) {
      failure_ = failure;
      return;
    }
  }
}

}  // namespace camring::shmpub
