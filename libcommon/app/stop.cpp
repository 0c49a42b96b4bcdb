#include "app/stop.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>

#include "base/clock.h"
#include "base/error.h"

namespace camring::app {
namespace {

sigset_t handled_signals() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGINT, SIGTERM, SIGHUP}) sigaddset(&set, signal);
  return set;
}

UniqueFd make_event() {
  UniqueFd fd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!fd) throw system_error(errno, "make an event descriptor", "");
  return fd;
}

void raise_event(int fd) noexcept {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

Stop::Stop() : event_(make_event()), quit_(make_event()) {
  const sigset_t set = handled_signals();
  ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  signals_.reset(::signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!signals_) throw system_error(errno, "watch for signals", "");
  thread_ = std::thread([this] { watch(); });
}

Stop::~Stop() {
  raise_event(quit_.get());
  thread_.join();
}

void Stop::request() noexcept {
  requested_.store(true, std::memory_order_release);
  raise_event(event_.get());
}

bool Stop::wait_for(std::chrono::nanoseconds duration) const noexcept {
  const std::int64_t end = monotonic_ns() + duration.count();
  while (!requested()) {
    const std::int64_t left = end - monotonic_ns();
    if (left <= 0) return false;
    pollfd waiting{event_.get(), POLLIN, 0};
    const timespec timeout{left / 1'000'000'000, left % 1'000'000'000};
    ::ppoll(&waiting, 1, &timeout, nullptr);
  }
  return true;
}

void Stop::watch() noexcept {
  for (;;) {
    std::array<pollfd, 2> waiting{{{signals_.get(), POLLIN, 0}, {quit_.get(), POLLIN, 0}}};
    if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    signalfd_siginfo info{};
    while (::read(signals_.get(), &info, sizeof info) == static_cast<ssize_t>(sizeof info)) {
      if (info.ssi_signo == SIGHUP) {
        reloads_.fetch_add(1, std::memory_order_acq_rel);
      } else {
        request();
      }
    }
  }
}

}  // namespace camring::app
