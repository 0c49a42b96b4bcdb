#include "client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <strings.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <system_error>

#include "base/clock.h"

namespace bench {
namespace {

constexpr std::size_t kBuffer = 256 * 1024;

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

camring::UniqueFd bound_udp(int port) {
  camring::UniqueFd fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const sockaddr_in address = loopback(port);
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) return {};
  return fd;
}

// Of "Name: value" lines; names in any case.
std::string header(const std::string& head, const char* name) {
  for (std::size_t at = head.find("\r\n"); at != std::string::npos; at = head.find("\r\n", at + 2)) {
    if (::strncasecmp(head.c_str() + at + 2, name, std::strlen(name)) != 0) continue;
    const std::size_t begin = head.find_first_not_of(": ", at + 2 + std::strlen(name));
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  return {};
}

// Where SETUP goes: the control attribute of the video in a description (RFC 2326, C.1.1).
std::string track_url(const std::string& description, std::string base) {
  const std::size_t video = description.find("m=video");
  const std::size_t at = description.find("a=control:", video);
  if (video == std::string::npos || at == std::string::npos) throw std::runtime_error("no video described");
  const std::string control = description.substr(at + 10, description.find_first_of("\r\n", at) - at - 10);
  if (control.starts_with("rtsp://")) return control;
  if (!base.ends_with('/')) base += '/';
  return base + control;
}

}  // namespace

Client::Client(int port, bool udp, bool stalled)
    : control_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      url_("rtsp://127.0.0.1:" + std::to_string(port) + "/bench"),
      buffer_(kBuffer),
      udp_(udp),
      stalled_(stalled) {
  const int small = 4096;
  if (stalled) ::setsockopt(control_.get(), SOL_SOCKET, SO_RCVBUF, &small, sizeof small);
  const sockaddr_in address = loopback(port);
  if (::connect(control_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    throw std::system_error(errno, std::generic_category(), "connect to " + url_);
  if (udp) open_ports();
  ask("OPTIONS", url_);
}

void Client::open_ports() {
  static int next = 10000;  // even; below what the kernel hands out
  for (; !media_ || !reports_; next = next >= 30000 ? 10000 : next + 2) {
    media_ = bound_udp(next);
    reports_ = bound_udp(next + 1);
    media_port_ = next;
  }
  const int large = 8 << 20;
  if (::setsockopt(media_.get(), SOL_SOCKET, SO_RCVBUFFORCE, &large, sizeof large) != 0)
    ::setsockopt(media_.get(), SOL_SOCKET, SO_RCVBUF, &large, sizeof large);
}

void Client::ask(const std::string& method, const std::string& url, const std::string& headers) {
  const std::string text = method + " " + url + " RTSP/1.0\r\nCSeq: " + std::to_string(++step_) + "\r\n" +
                           headers + "User-Agent: bench\r\n\r\n";
  if (::send(control_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0)
    throw std::system_error(errno, std::generic_category(), method);
}

void Client::answered(const std::string& head, const std::string& body) {
  if (head.compare(0, 13, "RTSP/1.0 200 ") != 0) throw std::runtime_error(head.substr(0, head.find('\r')));
  if (step_ == 1) {
    ask("DESCRIBE", url_, "Accept: application/sdp\r\n");
  } else if (step_ == 2) {
    const std::string base = header(head, "Content-Base");
    const std::string pair = std::to_string(media_port_) + "-" + std::to_string(media_port_ + 1);
    ask("SETUP", track_url(body, base.empty() ? url_ : base),
        "Transport: RTP/AVP" + (udp_ ? ";unicast;client_port=" + pair : "/TCP;unicast;interleaved=0-1") +
            "\r\n");
  } else if (step_ == 3) {
    const std::string session = header(head, "Session");
    session_ = session.substr(0, session.find(';'));
    played_ns_ = camring::monotonic_ns();
    ask("PLAY", url_, "Session: " + session_ + "\r\nRange: npt=0-\r\n");
  }
}

std::size_t Client::take_one(std::span<const std::uint8_t> bytes, LoadResult& result) {
  if (bytes.size() < 4) return 0;
  if (bytes[0] == '$') {
    const std::size_t size = static_cast<std::size_t>(bytes[2]) << 8 | bytes[3];
    if (bytes.size() < 4 + size) return 0;
    if (bytes[1] == 0) receiver_.take(bytes.subspan(4, size), now_ns_, result);
    return 4 + size;
  }
  const std::string text(bytes.begin(), bytes.end());
  const std::size_t end = text.find("\r\n\r\n");
  if (end == std::string::npos) return 0;
  const std::string head = text.substr(0, end + 2);
  const std::size_t body = std::strtoul(header(head, "Content-Length").c_str(), nullptr, 10);
  if (text.size() < end + 4 + body) return 0;
  answered(head, text.substr(end + 4, body));
  return end + 4 + body;
}

void Client::read_control(LoadResult& result) {
  const ssize_t got =
      ::recv(control_.get(), buffer_.data() + filled_, buffer_.size() - filled_, MSG_DONTWAIT);
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
  if (got <= 0) throw std::runtime_error("the server closed a connection");
  now_ns_ = camring::monotonic_ns();
  filled_ += static_cast<std::size_t>(got);
  std::size_t at = 0;
  while (const std::size_t taken = take_one({buffer_.data() + at, filled_ - at}, result)) at += taken;
  std::memmove(buffer_.data(), buffer_.data() + at, filled_ - at);
  filled_ -= at;
}

void Client::read_media(LoadResult& result) {
  constexpr std::size_t kBatch = 64, kRoom = 2048;
  std::array<mmsghdr, kBatch> messages{};
  std::array<iovec, kBatch> pieces;
  for (std::size_t i = 0; i < kBatch; ++i) {
    pieces[i] = {buffer_.data() + i * kRoom, kRoom};
    messages[i].msg_hdr.msg_iov = &pieces[i];
    messages[i].msg_hdr.msg_iovlen = 1;
  }
  const int count = ::recvmmsg(media_.get(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
  now_ns_ = camring::monotonic_ns();
  for (int i = 0; i < count; ++i) {
    const auto at = static_cast<std::size_t>(i);
    receiver_.take({buffer_.data() + at * kRoom, messages[at].msg_len}, now_ns_, result);
  }
}

double Client::first_picture_ms() const noexcept {
  if (receiver_.first_picture_ns() == 0) return -1;
  return static_cast<double>(receiver_.first_picture_ns() - played_ns_) * 1e-6;
}

}  // namespace bench
