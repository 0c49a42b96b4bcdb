#include "process.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "base/clock.h"
#include "support/pace.h"

namespace bench {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kStartWithin{10'000};

pid_t fork_or_throw() {
  std::fflush(nullptr);  // else the child prints it again
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (::getppid() != parent) ::_exit(1);
  }
  return pid;
}

bool readable(int fd, std::int64_t deadline_ns) {
  const std::int64_t left = std::max<std::int64_t>(deadline_ns - camring::monotonic_ns(), 0);
  pollfd one{fd, POLLIN, 0};
  return ::poll(&one, 1, static_cast<int>(left / 1'000'000)) > 0;
}

double kb_in(pid_t pid, const char* file_name, const char* key) {
  std::ifstream file("/proc/" + std::to_string(pid) + file_name);
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with(key)) return std::strtod(line.c_str() + std::strlen(key), nullptr);
  }
  return 0;
}

std::int64_t after(milliseconds timeout) { return camring::monotonic_ns() + timeout.count() * 1'000'000; }

}  // namespace

Child Child::run(const std::function<void()>& body) {
  const pid_t pid = fork_or_throw();
  if (pid != 0) return Child(pid);
  const int null = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const int terminal = ::fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, 3);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(null, STDERR_FILENO);  // peers' libraries chat there
  try {
    body();
  } catch (const std::exception& error) {
    ::dprintf(terminal, "bench: %s\n", error.what());
    ::_exit(1);
  }
  std::exit(0);  // not _exit: peers' libraries take their leave of their daemons in static destructors
}

Child Child::execute(const std::vector<std::string>& words, int out, int in) {
  const pid_t pid = fork_or_throw();
  if (pid != 0) return Child(pid);
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  ::dup2(in >= 0 ? in : null, STDIN_FILENO);
  ::dup2(out >= 0 ? out : null, STDOUT_FILENO);
  ::dup2(out >= 0 ? out : null, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const std::string& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

Child::~Child() {
  if (pid_ <= 0) return;
  ::kill(pid_, SIGKILL);
  ::waitpid(pid_, nullptr, 0);
}

void Child::stop() const {
  ::kill(pid_, SIGSTOP);
  ::waitpid(pid_, nullptr, WUNTRACED);
}

void Child::signal(int number) const noexcept {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Child::wait(milliseconds timeout) {
  if (pid_ <= 0) return true;
  const camring::UniqueFd handle(static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0)));
  if (!readable(handle.get(), after(timeout))) return false;
  ::waitpid(pid_, nullptr, 0);
  pid_ = -1;
  return true;
}

std::string read_until(int fd, const std::string& text, milliseconds timeout) {
  const std::int64_t deadline = after(timeout);
  std::string said;
  std::array<char, 512> buffer;
  while (said.find(text) == std::string::npos) {
    if (!readable(fd, deadline)) return {};
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) return {};
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return said;
}

std::pair<camring::UniqueFd, camring::UniqueFd> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
  return {camring::UniqueFd(ends[0]), camring::UniqueFd(ends[1])};
}

camring::UniqueFd make_log() {
  return camring::UniqueFd(::open("/dev/shm", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600));
}

int port_in(const camring::UniqueFd& log, std::string_view place) {
  const std::int64_t deadline = after(kStartWithin);
  std::string said;
  while (camring::monotonic_ns() < deadline) {
    std::array<char, 4096> buffer;
    const ssize_t got = ::pread(log.get(), buffer.data(), buffer.size(), 0);
    said.assign(buffer.data(), static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    const std::size_t at = said.find(place);
    if (at != std::string::npos && said.find('\n', at) != std::string::npos)
      return std::atoi(said.c_str() + at + place.size());
    sleep_until(camring::monotonic_ns() + 10'000'000);
  }
  throw std::runtime_error("a server did not tell its URL; it said: " + said);
}

double cpu_seconds(pid_t pid) {
  double total = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream file(task.path() / "schedstat");
    double ns = 0;
    file >> ns;
    total += ns * 1e-9;
  }
  return total;
}

double anonymous_kb(pid_t pid) { return kb_in(pid, "/status", "RssAnon:"); }

double proportional_kb(pid_t pid) { return kb_in(pid, "/smaps_rollup", "Pss:"); }

void run_on_core(unsigned core) noexcept {
  if (std::thread::hardware_concurrency() < 2) return;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  ::sched_setaffinity(0, sizeof cores, &cores);
}

void keep_to_core(pid_t pid, unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    const pid_t thread = std::atoi(task.path().filename().c_str());
    if (::sched_setaffinity(thread, sizeof set, &set) != 0)
      throw std::system_error(errno, std::generic_category(), "keep to core " + std::to_string(core));
  }
}

void allow_many_files() noexcept {
  rlimit files{};
  ::getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &files);
}

RingDirectory::RingDirectory() : path_("/dev/shm/camring-bench-XXXXXX") {
  if (::mkdtemp(path_.data()) == nullptr) throw std::system_error(errno, std::generic_category(), path_);
  ::setenv("CAMRING_DIR", path_.c_str(), 1);
}

RingDirectory::~RingDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

}  // namespace bench
