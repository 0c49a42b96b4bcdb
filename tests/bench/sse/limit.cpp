#include "sse/limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"

namespace bench {
namespace {

constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\n\r\n";

class LimitServer {
 public:
  LimitServer(const Content& content, int url_fd)
      : events_(make_events(content)),
        hello_(kHead.begin(), kHead.end()),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    const auto init = make_init_event(content);
    hello_.insert(hello_.end(), init.begin(), init.end());
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 4096);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    ::dprintf(url_fd, "http://127.0.0.1:%d/\n", ntohs(address.sin_port));
    const std::int64_t frame = content.rate.frame_ns();
    const timespec step{frame / 1'000'000'000, frame % 1'000'000'000};
    const itimerspec every{step, step};
    ::timerfd_settime(timer_.get(), 0, &every, nullptr);
    watch(listener_.get());
    watch(timer_.get());
  }

  [[noreturn]] void run() {
    std::array<epoll_event, 64> ready;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = ready[static_cast<std::size_t>(i)].data.fd;
        std::uint64_t expired = 0;
        if (fd == listener_.get()) {
          watch(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
        } else if (fd != timer_.get()) {
          answer(fd);
        } else if (::read(fd, &expired, sizeof expired) > 0) {
          send_event();
        }
      }
    }
  }

 private:
  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  // Each request comes in one piece.
  void answer(int fd) {
    std::array<char, 2048> buffer;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
    if (got <= 0) return;
    const int one = 1;
    ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (::send(fd, hello_.data(), hello_.size(), MSG_NOSIGNAL) > 0) clients_.push_back(fd);
  }

  void send_event() {
    Event& event = events_[next_ % events_.size()];
    stamp(event, ++next_, camring::realtime_ns());
    for (const int fd : clients_) (void)::send(fd, event.bytes.data(), event.bytes.size(), MSG_NOSIGNAL);
  }

  std::vector<Event> events_;
  std::vector<std::uint8_t> hello_;
  camring::UniqueFd listener_, timer_, epoll_;
  std::vector<int> clients_;
  std::uint64_t next_ = 0;
};

}  // namespace

void serve_at_the_limit(const Content& content, int url_fd) {
  LimitServer server(content, url_fd);
  server.run();
}

}  // namespace bench
