// A few threads that share the work of one source frame: scaling here, encoding there.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
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
  /// Works until all that was posted is done. @throws the first exception of a job, after all are done.
  void wait();

 private:
  void work();
  void run_next(std::unique_lock<std::mutex>& lock);

  std::mutex mutex_;
  std::condition_variable posted_, done_;
  std::vector<Job*> queue_;
  std::size_t unfinished_ = 0;
  std::exception_ptr failure_;
  bool quit_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace camring::shmpub
