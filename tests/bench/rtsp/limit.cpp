#include "limit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/clock.h"
#include "base/unique_fd.h"
#include "rtp_frame.h"

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103  // linux/udp.h; older C libraries lack it
#endif

namespace bench {
namespace {

constexpr std::size_t kPacketsAtOnce = 46;  // the kernel cuts up to 64 kB
constexpr std::size_t kMessagesAtOnce = 1024;

// Packets that lie one behind the other and are equally long; the last may be shorter.
struct Run {
  std::size_t at = 0, size = 0, packet = 0;
};

std::vector<Run> runs_of(const RtpFrame& frame) {
  std::vector<Run> runs;
  std::size_t in_run = 0;
  bool open = false;
  for (const RtpFrame::Packet& packet : frame.packets) {
    if (!open || packet.size > runs.back().packet || in_run == kPacketsAtOnce) {
      runs.push_back({packet.at, 0, packet.size});
      in_run = 0;
    }
    runs.back().size += packet.size;
    ++in_run;
    open = packet.size == runs.back().packet;
  }
  return runs;
}

class LimitServer {
 public:
  LimitServer(const Clip& clip, bool udp)
      : udp_(udp),
        listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        sender_(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)),
        timer_(::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC)),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {
    for (const ClipUnit& unit : clip.units) {
      frames_.push_back(packetize(unit, !udp));
      runs_.push_back(udp ? runs_of(frames_.back()) : std::vector<Run>{});
    }
    sockaddr_in address = loopback();
    socklen_t size = sizeof address;
    ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), size);
    ::listen(listener_.get(), 1024);
    ::getsockname(listener_.get(), reinterpret_cast<sockaddr*>(&address), &size);
    url_ = "rtsp://127.0.0.1:" + std::to_string(ntohs(address.sin_port)) + "/bench";
    const int large = 8 << 20;
    ::setsockopt(sender_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &large, sizeof large);
    const itimerspec every{{0, kFrameNs}, {0, kFrameNs}};
    ::timerfd_settime(timer_.get(), 0, &every, nullptr);
    watch(listener_.get());
    watch(timer_.get());
  }

  [[nodiscard]] const std::string& url() const { return url_; }

  [[noreturn]] void run() {
    std::array<epoll_event, 64> events;
    for (;;) {
      const int count = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
      for (int i = 0; i < count; ++i) {
        const int fd = events[static_cast<std::size_t>(i)].data.fd;
        if (fd == timer_.get()) {
          std::uint64_t expired = 0;
          if (::read(fd, &expired, sizeof expired) > 0) send_frame();
        } else if (fd == listener_.get()) {
          watch(::accept4(fd, nullptr, nullptr, SOCK_CLOEXEC));
        } else {
          answer(fd);
        }
      }
    }
  }

 private:
  static sockaddr_in loopback(int port = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
  }

  void watch(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event);
  }

  // Each request comes in one piece; over UDP the client's address is remembered from SETUP on.
  void answer(int fd) {
    std::array<char, 2048> buffer;
    const ssize_t got = ::read(fd, buffer.data(), buffer.size());
    if (got <= 0) {
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
      return;
    }
    const std::string request(buffer.data(), static_cast<std::size_t>(got));
    const std::size_t number = request.find("CSeq: ");
    if (number == std::string::npos) return;
    std::string text = "RTSP/1.0 200 OK\r\nSession: 1\r\n" +
                       request.substr(number, request.find("\r\n", number) + 2 - number);
    if (request.starts_with("DESCRIBE ")) {
      const std::string body = "v=0\r\nm=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=control:video\r\n";
      text += "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    } else {
      text += "\r\n";
    }
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0) return;
    const std::size_t ports = request.find("client_port=");
    if (ports != std::string::npos) targets_.push_back(loopback(std::atoi(request.c_str() + ports + 12)));
    if (!udp_ && request.starts_with("PLAY ")) streams_.push_back(fd);
  }

  void send_frame() {
    RtpFrame& frame = frames_[next_];
    sequence_ = stamp(frame, sequence_, time_, camring::monotonic_ns());
    for (const int fd : streams_) (void)::send(fd, frame.bytes.data(), frame.bytes.size(), MSG_NOSIGNAL);
    if (!targets_.empty()) send_datagrams(frame, runs_[next_]);
    time_ += 90000 / kFps;
    next_ = (next_ + 1) % frames_.size();
  }

  void send_datagrams(RtpFrame& frame, const std::vector<Run>& runs) {
    struct Sizes {
      alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> bytes{};
    };
    std::vector<Sizes> sizes(runs.size());
    std::vector<iovec> pieces(runs.size());
    messages_.clear();
    for (std::size_t i = 0; i < runs.size(); ++i) {
      pieces[i] = {frame.bytes.data() + runs[i].at, runs[i].size};
      auto* control = reinterpret_cast<cmsghdr*>(sizes[i].bytes.data());
      control->cmsg_level = IPPROTO_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      const auto packet = static_cast<std::uint16_t>(runs[i].packet);
      std::memcpy(CMSG_DATA(control), &packet, sizeof packet);
    }
    for (sockaddr_in& target : targets_) {
      for (std::size_t i = 0; i < runs.size(); ++i) {
        mmsghdr message{};
        message.msg_hdr.msg_name = &target;
        message.msg_hdr.msg_namelen = sizeof target;
        message.msg_hdr.msg_iov = &pieces[i];
        message.msg_hdr.msg_iovlen = 1;
        message.msg_hdr.msg_control = sizes[i].bytes.data();
        message.msg_hdr.msg_controllen = sizes[i].bytes.size();
        messages_.push_back(message);
      }
    }
    for (std::size_t at = 0; at < messages_.size();) {
      const auto count = static_cast<unsigned>(std::min(messages_.size() - at, kMessagesAtOnce));
      const int sent = ::sendmmsg(sender_.get(), messages_.data() + at, count, 0);
      at += static_cast<std::size_t>(std::max(sent, 1));  // one that can't be sent is passed over
    }
  }

  bool udp_;
  camring::UniqueFd listener_, sender_, timer_, epoll_;
  std::string url_;
  std::vector<RtpFrame> frames_;
  std::vector<std::vector<Run>> runs_;
  std::vector<int> streams_;
  std::vector<sockaddr_in> targets_;
  std::vector<mmsghdr> messages_;
  std::size_t next_ = 0;
  std::uint32_t time_ = 0;
  std::uint16_t sequence_ = 0;
};

}  // namespace

void serve_at_the_limit(const Clip& clip, bool udp, int url_fd) {
  LimitServer server(clip, udp);
  ::dprintf(url_fd, "%s\n", server.url().c_str());
  server.run();
}

}  // namespace bench
