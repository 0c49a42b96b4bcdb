// A few threads that share the work of one source frame: scaling here, encoding there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

namespace camring::shmpub {

/// A piece of work. The poster owns it and keeps it until Workers::wait() returns.
class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;
  virtual void run() = 0;

 private:
  friend class Workers;
  bool pending_ = false;  // guarded by the workers' lock
};

class Workers {
 public:
  /// @param threads  beside the one that calls wait(), which works too; 0 is fine
  explicit Workers(std::size_t threads);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  /// From any thread, jobs included.
  void post(Job& job);
  /// Runs these and returns when they are done; works on whatever is posted meanwhile. From any thread, jobs
  /// included. A job's exception comes out of wait().
  void run_all(std::span<Job* const> jobs);
  /// How many threads can work at the same time, the one that waits included.
  [[nodiscard]] std::size_t width() const noexcept { return threads_.size() + 1; }
  /// Works until all that was posted is done. @throws the first exception of a job, after all are done.
  void wait();

 private:
  void work();
  void run_next(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable posted_, done_;
  std::vector<Job*> queue_;
  std::size_t unfinished_ = 0;
  std::size_t joining_ = 0;  // threads inside run_all
  std::exception_ptr failure_;
  bool quit_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace camring::shmpub
