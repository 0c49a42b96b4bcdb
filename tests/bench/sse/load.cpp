#include "sse/load.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <stdexcept>
#include <system_error>

#include "base/clock.h"

namespace bench {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;
constexpr std::int64_t kStartWithin = 20'000'000'000, kShort = 5'000'000;
constexpr std::int64_t kSpread = 500'000;  // between two connections

}  // namespace

camring::UniqueFd connect_to(int port) {
  camring::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect to port " + std::to_string(port));
  return fd;
}

Load::Load(int port, std::string path, int clients, bool comes_back)
    : port_(port),
      request_("GET " + std::move(path) + " HTTP/1.1\r\nHost: bench\r\nAccept: text/event-stream\r\n\r\n"),
      comes_back_(comes_back),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      clients_(static_cast<std::size_t>(clients)),
      buffer_(kBuffer) {
  LoadResult ignored;
  const std::int64_t began = camring::monotonic_ns();
  for (std::size_t i = 0; i < clients_.size(); ++i) {
    connect(i);
    read_until(began + static_cast<std::int64_t>(i + 1) * kSpread, ignored);
  }
  while (!std::all_of(clients_.begin(), clients_.end(),
                      [](const Client& client) { return client.scanner.has_fragment(); })) {
    if (camring::monotonic_ns() > began + kStartWithin)
      throw std::runtime_error("not all viewers got a fragment");
    read_until(camring::monotonic_ns() + kShort, ignored);
  }
}

void Load::connect(std::size_t index) {
  Client& client = clients_[index];
  client.fd = connect_to(port_);
  if (::send(client.fd.get(), request_.data(), request_.size(), MSG_NOSIGNAL) < 0)
    throw std::system_error(errno, std::generic_category(), "ask for a stream");
  ::fcntl(client.fd.get(), F_SETFL, O_NONBLOCK);
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u64 = index;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, client.fd.get(), &event);
}

void Load::read(std::size_t index, LoadResult& result) {
  Client& client = clients_[index];
  const ssize_t got = ::recv(client.fd.get(), buffer_.data(), buffer_.size(), 0);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) {
    if (!comes_back_) throw std::runtime_error("the server closed a stream");
    return connect(index);
  }
  result.bytes += static_cast<std::uint64_t>(got);
  client.scanner.take({buffer_.data(), static_cast<std::size_t>(got)}, camring::realtime_ns(), result);
}

void Load::read_until(std::int64_t end_ns, LoadResult& result) {
  std::array<epoll_event, 256> events;
  for (std::int64_t now; (now = camring::monotonic_ns()) < end_ns;) {
    const auto wait = static_cast<int>((end_ns - now + 999'999) / 1'000'000);
    const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), wait);
    for (int i = 0; i < count; ++i) read(events[static_cast<std::size_t>(i)].data.u64, result);
  }
}

LoadResult Load::run(double seconds) {
  LoadResult result;
  read_until(camring::monotonic_ns() + static_cast<std::int64_t>(seconds * 1e9), result);
  return result;
}

}  // namespace bench
