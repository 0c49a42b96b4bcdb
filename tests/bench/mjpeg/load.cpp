#include "load.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "base/clock.h"

namespace bench {

struct Load::Client {
  int fd = -1;
  std::size_t body_left = 0;
  double stamp = 0;
  std::string head;
};

namespace {

int connect_stream(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    std::perror("bench: connect");
    std::exit(1);
  }
  const std::string request = "GET /stream HTTP/1.1\r\nHost: bench\r\n\r\n";
  if (::write(fd, request.data(), request.size()) < 0) std::perror("bench: write");
  return fd;
}

}  // namespace

Load::Load(int port, int clients, int stalled) : epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
  for (int i = 0; i < clients; ++i) {
    auto* client = new Client;
    client->fd = connect_stream(port);
    ::fcntl(client->fd, F_SETFL, O_NONBLOCK);
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.ptr = client;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, client->fd, &event);
    clients_.push_back(client);
  }
  for (int i = 0; i < stalled; ++i) stalled_.push_back(connect_stream(port));
}

Load::~Load() {
  for (Client* client : clients_) {
    ::close(client->fd);
    delete client;
  }
  for (const int fd : stalled_) ::close(fd);
  ::close(epoll_);
}

void Load::read(Client& client, LoadResult& result) {
  std::array<char, 512> buffer;
  for (;;) {
    if (client.body_left > 0) {
      // MSG_TRUNC on a TCP socket: the kernel drops the bytes without copying them (tcp(7)).
      const ssize_t got = ::recv(client.fd, nullptr, client.body_left, MSG_TRUNC | MSG_DONTWAIT);
      if (got <= 0) return;
      client.body_left -= static_cast<std::size_t>(got);
      result.bytes += static_cast<std::uint64_t>(got);
      if (client.body_left > 0) return;
      ++result.frames;
      result.ages.add(camring::realtime_ns() - static_cast<std::int64_t>(client.stamp * 1e9));
      client.head.clear();
      continue;
    }
    const ssize_t got = ::recv(client.fd, buffer.data(), buffer.size(), MSG_PEEK | MSG_DONTWAIT);
    if (got <= 0) return;
    const std::size_t before = client.head.size();
    client.head.append(buffer.data(), static_cast<std::size_t>(got));
    const auto length = client.head.find("Content-Length: ");
    const auto stamp = client.head.find("X-Timestamp: ");
    const auto end = length == std::string::npos ? std::string::npos : client.head.find("\r\n\r\n", length);
    const std::size_t take = end == std::string::npos ? client.head.size() : end + 4;
    client.head.resize(take);
    if (::recv(client.fd, buffer.data(), take - before, MSG_DONTWAIT) < 0) return;
    result.bytes += take - before;
    if (end == std::string::npos) continue;
    client.body_left = std::strtoul(client.head.c_str() + length + 16, nullptr, 10);
    client.stamp = stamp == std::string::npos ? 0 : std::strtod(client.head.c_str() + stamp + 13, nullptr);
  }
}

LoadResult Load::run(double seconds) {
  LoadResult result;
  const std::int64_t end = camring::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9);
  std::array<epoll_event, 256> events;
  while (camring::monotonic_ns() < end) {
    const int count = ::epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), 20);
    for (int i = 0; i < count; ++i)
      read(*static_cast<Client*>(events[static_cast<std::size_t>(i)].data.ptr), result);
  }
  return result;
}

}  // namespace bench
