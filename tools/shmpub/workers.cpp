#include "workers.h"

#include <algorithm>
#include <utility>

namespace camring::shmpub {

Workers::Workers(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

Workers::~Workers() {
  {
    const std::lock_guard lock(mutex_);
    quit_ = true;
  }
  posted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void Workers::post(Job& job) {
  {
    const std::lock_guard lock(mutex_);
    queue_.push_back(&job);
    job.pending_ = true;
    ++unfinished_;
  }
  posted_.notify_one();
  done_.notify_one();  // whoever waits works too
}

void Workers::run_next(std::unique_lock<std::mutex>& lock) {
  Job* job = queue_.front();
  queue_.erase(queue_.begin());
  lock.unlock();
  std::exception_ptr failure;
  try {
    job->run();
  } catch (...) {
    failure = std::current_exception();
  }
  lock.lock();
  if (failure && !failure_) failure_ = failure;
  job->pending_ = false;
  if (--unfinished_ == 0 || joining_ > 0) done_.notify_all();
}

void Workers::run_all(std::span<Job* const> jobs) {
  {
    const std::lock_guard lock(mutex_);
    for (Job* job : jobs) {
      queue_.push_back(job);
      job->pending_ = true;
      ++unfinished_;
    }
  }
  posted_.notify_all();
  done_.notify_all();
  std::unique_lock lock(mutex_);
  const auto done = [jobs] {
    return std::none_of(jobs.begin(), jobs.end(), [](const Job* job) { return job->pending_; });
  };
  ++joining_;
  while (!done()) {
    if (!queue_.empty())
      run_next(lock);
    else
      done_.wait(lock, [&] { return done() || !queue_.empty(); });
  }
  --joining_;
}

void Workers::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    posted_.wait(lock, [this] { return quit_ || !queue_.empty(); });
    if (quit_) return;
    run_next(lock);
  }
}

void Workers::wait() {
  std::unique_lock lock(mutex_);
  while (unfinished_ > 0) {
    if (!queue_.empty())
      run_next(lock);
    else
      done_.wait(lock, [this] { return unfinished_ == 0 || !queue_.empty(); });
  }
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

}  // namespace camring::shmpub
