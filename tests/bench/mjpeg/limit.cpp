#include "limit.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "base/clock.h"
#include "support/pace.h"

namespace bench {
namespace {

constexpr std::int64_t kFrameNs = 1'000'000'000 / 30;

}  // namespace

void serve_at_the_limit(const std::vector<std::uint8_t>& payload, int clients, int url_fd) {
  std::signal(SIGPIPE, SIG_IGN);
  const int listener = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  if (::bind(listener, reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listener, 512) != 0)
    ::_exit(1);
  ::getsockname(listener, reinterpret_cast<sockaddr*>(&address), &size);
  ::dprintf(url_fd, "http://127.0.0.1:%d/\n", ntohs(address.sin_port));
  std::vector<int> sockets;
  std::array<char, 1024> request;
  while (static_cast<int>(sockets.size()) < clients) {
    const int fd = ::accept(listener, nullptr, nullptr);
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::read(fd, request.data(), request.size()) <= 0) ::_exit(1);
    sockets.push_back(fd);
  }
  for (std::int64_t due = camring::monotonic_ns();;) {
    sleep_until(due += kFrameNs);
    std::array<char, 256> head;
    const std::int64_t now = camring::realtime_ns();
    const int head_bytes = std::snprintf(
        head.data(), head.size(),
        "--b\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\nX-Timestamp: %lld.%06lld\r\n\r\n",
        payload.size(), static_cast<long long>(now / 1'000'000'000),
        static_cast<long long>(now % 1'000'000'000 / 1000));
    for (const int fd : sockets) {
      std::array<iovec, 2> parts{{{head.data(), static_cast<std::size_t>(head_bytes)},
                                  {const_cast<std::uint8_t*>(payload.data()), payload.size()}}};
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = parts.size();
      ::sendmsg(fd, &message, MSG_NOSIGNAL);
    }
  }
}

}  // namespace bench
