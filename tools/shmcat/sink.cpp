#include "sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "base/error.h"

namespace camring::shmcat {

Sink::Sink(int fd, const app::Stop& stop) : fd_(fd), stop_(stop) {
  struct stat status {};
  pipe_ = ::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode);
  if (!pipe_) return;
  own_.reset(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
  if (own_) fd_ = own_.get();
}

long Sink::write_some(std::span<const std::uint8_t> bytes) const noexcept {
  const long sent = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
  if (sent >= 0 || errno != ENOTSOCK) return sent;
  if (pipe_ && !own_) {
    // Somebody else's pipe that could not be opened again: when poll says so it takes PIPE_BUF bytes at once.
    pollfd ready{fd_, POLLOUT, 0};
    if (::poll(&ready, 1, 0) == 0) {
      errno = EAGAIN;
      return -1;
    }
    bytes = bytes.first(std::min<std::size_t>(bytes.size(), PIPE_BUF));
  }
  return ::write(fd_, bytes.data(), bytes.size());
}

Sink::Result Sink::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const long done = write_some(bytes);
    if (done >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(done));
      continue;
    }
    if (errno == EPIPE || errno == ECONNRESET) return Result::closed;
    if (errno != EAGAIN && errno != EINTR) {
      throw Error(ExitCode::system, "write", "stdout", errno_text(errno));
    }
    std::array<pollfd, 2> waiting{{{fd_, POLLOUT, 0}, {stop_.fd(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), -1);
    if (stop_.requested()) return Result::stopped;
  }
  return Result::ok;
}

bool Sink::closed() const noexcept {
  pollfd reader{fd_, 0, 0};
  return ::poll(&reader, 1, 0) > 0 && (reader.revents & (POLLERR | POLLHUP)) != 0;
}

}  // namespace camring::shmcat
