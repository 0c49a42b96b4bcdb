#include "sink.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>

#include "base/error.h"

namespace camring::shmcat {

Sink::Sink(int fd, const app::Stop& stop) : fd_(fd), stop_(stop) {
  struct stat status {};
  if (::fstat(fd, &status) == 0 && S_ISFIFO(status.st_mode)) {
    own_.reset(::open(("/proc/self/fd/" + std::to_string(fd)).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC));
    if (own_) fd_ = own_.get();
  }
}

Sink::Result Sink::write(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    ssize_t done = ::send(fd_, bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (done < 0 && errno == ENOTSOCK) done = ::write(fd_, bytes.data(), bytes.size());
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

}  // namespace camring::shmcat
