// The benchmark's own processes: none outlives it, none is waited for without an end.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/unique_fd.h"

namespace bench {

/// A child; it dies with the benchmark (PR_SET_PDEATHSIG) and with this object. Move only.
class Child {
 public:
  Child() = default;
  /// Runs `body` in a fork, then exits with 0 (with 1 on an exception). What it prints goes
  /// to /dev/null.
  static Child run(const std::function<void()>& body);
  /// Executes a program (looked for in PATH); `out` becomes its stdout and stderr, `in` its stdin, else
  /// /dev/null.
  static Child execute(const std::vector<std::string>& words, int out = -1, int in = -1);
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)) {}
  Child& operator=(Child&& other) noexcept {
    std::swap(pid_, other.pid_);
    return *this;
  }
  ~Child();

  [[nodiscard]] pid_t pid() const noexcept { return pid_; }
  /// SIGSTOP, and waits until it has stopped.
  void stop() const;
  void signal(int number) const noexcept;
  /// True when it ended in time; it is reaped then.
  bool wait(std::chrono::milliseconds timeout);

 private:
  explicit Child(pid_t pid) : pid_(pid) {}
  pid_t pid_ = -1;
};

/// Reads from `fd` until `text` has come, at most so long. What was read; empty when it did not come.
[[nodiscard]] std::string read_until(int fd, const std::string& text, std::chrono::milliseconds timeout);

/// A pipe that children inherit where they are told to: {read end, write end}.
[[nodiscard]] std::pair<camring::UniqueFd, camring::UniqueFd> make_pipe();

/// A file without a name for a server's messages: a pipe that nobody reads would stop it one day.
[[nodiscard]] camring::UniqueFd make_log();
/// The port in the URL that a server writes there when it is ready; waits ten seconds at most.
/// @param place  how the URL begins, e.g. "http://127.0.0.1:"
/// @throws std::runtime_error with what it said instead
[[nodiscard]] int port_in(const camring::UniqueFd& log, std::string_view place);

/// CPU time of all of a process's threads, in seconds.
[[nodiscard]] double cpu_seconds(pid_t pid);
/// What a process has for itself: neither files nor shared memory.
[[nodiscard]] double anonymous_kb(pid_t pid);
/// What a process has, shared pages divided by those who share them (PSS).
[[nodiscard]] double proportional_kb(pid_t pid);

/// This thread, and what it starts from here on, runs on that core alone; a machine with one core is left as
/// it is.
void run_on_core(unsigned core) noexcept;
/// The same for all threads of another process. @throws std::system_error where there is no such core
void keep_to_core(pid_t pid, unsigned core);
/// As many descriptors as the hard limit gives; children inherit that.
void allow_many_files() noexcept;

/// A directory of its own, removed with all content at the end; CAMRING_DIR points to it meanwhile.
class RingDirectory {
 public:
  RingDirectory();
  ~RingDirectory();
  RingDirectory(const RingDirectory&) = delete;
  RingDirectory& operator=(const RingDirectory&) = delete;

 private:
  std::string path_;
};

}  // namespace bench
