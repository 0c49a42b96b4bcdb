#include "udp_sender.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/error.h"

namespace camring::rtspserve {
namespace {

constexpr int kBufferBytes = 4 << 20;
constexpr int kTries = 200;
constexpr int kPatience = 5;         // waits of a millisecond for room, in one call
constexpr std::size_t kBatch = 512;  // of the kernel's 1024

UniqueFd bound(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  const int no = 0;
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  v4.sin_port = htons(port);
  if (fd) {
    ::setsockopt(fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &no, sizeof no);
    if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) fd.reset();
  } else {  // a kernel without IPv6
    fd.reset(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (fd && ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&v4), sizeof v4) != 0) fd.reset();
  }
  if (fd && ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBufferBytes, sizeof kBufferBytes) != 0) {
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDBUF, &kBufferBytes,
                 sizeof kBufferBytes);  // as far as the system allows
  }
  return fd;
}

std::uint16_t port_of(int fd) {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(
      reinterpret_cast<const sockaddr_in6*>(&address)->sin6_port);  // at the same place in sockaddr_in
}

const sockaddr_in& v4_of(const UdpAddress& address) {
  return reinterpret_cast<const sockaddr_in&>(address.storage);
}
const sockaddr_in6& v6_of(const UdpAddress& address) {
  return reinterpret_cast<const sockaddr_in6&>(address.storage);
}

template <class T>
std::span<const std::uint8_t> bytes_of(const T& value) {
  return {reinterpret_cast<const std::uint8_t*>(&value), sizeof value};
}

}  // namespace

UdpAddress UdpAddress::with_port(std::uint16_t port) const noexcept {
  UdpAddress copy = *this;
  reinterpret_cast<sockaddr_in&>(copy.storage).sin_port = htons(port);
  return copy;
}

std::uint16_t UdpAddress::port() const noexcept { return ntohs(v4_of(*this).sin_port); }

std::string UdpAddress::host() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &v4_of(*this).sin_addr, text.data(), text.size());
  } else if (storage.ss_family == AF_INET6) {
    const in6_addr& address = v6_of(*this).sin6_addr;
    if (IN6_IS_ADDR_V4MAPPED(&address)) {
      ::inet_ntop(AF_INET, &address.s6_addr[12], text.data(), text.size());
    } else {
      ::inet_ntop(AF_INET6, &address, text.data(), text.size());
    }
  }
  return text.data();
}

UdpAddress UdpAddress::mapped() const noexcept {
  if (storage.ss_family != AF_INET) return *this;
  UdpAddress out;
  auto& v6 = reinterpret_cast<sockaddr_in6&>(out.storage);
  v6.sin6_family = AF_INET6;
  v6.sin6_port = v4_of(*this).sin_port;
  v6.sin6_addr.s6_addr[10] = v6.sin6_addr.s6_addr[11] = 0xff;
  std::memcpy(&v6.sin6_addr.s6_addr[12], &v4_of(*this).sin_addr, 4);
  out.size = sizeof v6;
  return out;
}

bool UdpAddress::same_host(const UdpAddress& other) const noexcept {
  const UdpAddress a = mapped();
  const UdpAddress b = other.mapped();
  return a.storage.ss_family == AF_INET6 && b.storage.ss_family == AF_INET6 &&
         std::memcmp(&v6_of(a).sin6_addr, &v6_of(b).sin6_addr, sizeof(in6_addr)) == 0;
}

UdpSender::UdpSender() {
  // RTP wants an even port and RTCP the next (RFC 3550, section 11).
  for (int i = 0; i < kTries; ++i) {
    UniqueFd first = bound(0);
    if (!first) break;
    const std::uint16_t port = port_of(first.get());
    const bool even = port % 2 == 0;
    UniqueFd second = port == 65535 && !even ? bound(static_cast<std::uint16_t>(port - 1))
                                             : bound(static_cast<std::uint16_t>(even ? port + 1 : port - 1));
    if (!second) continue;
    rtp_ = even ? std::move(first) : std::move(second);
    rtcp_ = even ? std::move(second) : std::move(first);
    port_ = port_of(rtp_.get());
    int domain = AF_INET6;
    socklen_t size = sizeof domain;
    ::getsockopt(rtp_.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    v6_ = domain == AF_INET6;
    return;
  }
  throw Error(ExitCode::system, "open UDP ports", "", "no pair of neighbouring ports is free");
}

void UdpSender::set_multicast_ttl(unsigned ttl) noexcept {
  const int value = static_cast<int>(ttl);
  for (const int fd : {rtp_.get(), rtcp_.get()}) {
    ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_TTL, &value, sizeof value);
    ::setsockopt(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &value, sizeof value);
  }
}

void UdpSender::set_multicast_interface(const std::string& address) noexcept {
  ip_mreqn request{};
  if (::inet_pton(AF_INET, address.c_str(), &request.imr_address) != 1) return;
  for (const int fd : {rtp_.get(), rtcp_.get()}) {
    ::setsockopt(fd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof request);
  }
}

// Sends what is in messages_, and takes apart what the kernel would not cut.
void UdpSender::flush(Sent& sent) {
  std::size_t done = 0;
  int patience = kPatience;
  while (done < messages_.size()) {
    const int count = ::sendmmsg(rtp_.get(), messages_.data() + done,
                                 static_cast<unsigned>(std::min(kBatch, messages_.size() - done)), 0);
    if (count > 0) {
      for (int i = 0; i < count; ++i) {
        const std::size_t at = done + static_cast<std::size_t>(i);
        sent.packets += contents_[at].count;
        sent.bytes += messages_[at].msg_len;
      }
      done += static_cast<std::size_t>(count);
      continue;
    }
    if (errno == EINTR) continue;
    if ((errno == EAGAIN || errno == ENOBUFS) && patience-- > 0) {
      // The socket's buffer is full of what the network card has still to take: a moment, or always the same
      // receivers at the end of the list would lose theirs.
      pollfd ready{rtp_.get(), POLLOUT, 0};
      ::poll(&ready, 1, 1);
      continue;
    }
    const rtp::Run& run = contents_[done];
    if (run.count > 1 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE)) {
      // EIO: nobody cuts on this way. The others may be this receiver's, whose path takes smaller packets.
      if (errno == EIO) segmentation_ = false;
      one_by_one(messages_[done].msg_hdr, run, sent);
    } else {
      sent.refused += run.count;  // no room, or this receiver can't be reached: the others get theirs
    }
    ++done;
  }
  messages_.clear();
  contents_.clear();
}

// The kernel cuts with the size that is last in the control data: without it, it does not.
void UdpSender::one_by_one(const msghdr& message, const rtp::Run& run, Sent& sent) noexcept {
  msghdr single = message;
  single.msg_controllen -= CMSG_SPACE(sizeof(std::uint16_t));
  for (std::size_t i = 0; i < run.count; ++i) {
    single.msg_iov = pieces_.data() + run.first + i;
    const ssize_t put = ::sendmsg(rtp_.get(), &single, 0);
    if (put < 0) {
      ++sent.refused;
    } else {
      ++sent.packets;
      sent.bytes += static_cast<std::uint64_t>(put);
    }
  }
}

void UdpSender::Control::add(int level, int type, std::span<const std::uint8_t> data) noexcept {
  cmsghdr header{};
  header.cmsg_level = level;
  header.cmsg_type = type;
  header.cmsg_len = CMSG_LEN(data.size());
  std::memcpy(bytes + size, &header, sizeof header);
  std::memcpy(bytes + size + CMSG_LEN(0), data.data(), data.size());
  size += CMSG_SPACE(data.size());
}

// On a socket of both families IPV6_PKTINFO takes mapped IPv4 addresses too.
void UdpSender::Control::add_source(const UdpAddress& from) noexcept {
  if (from.storage.ss_family == AF_INET6) {
    in6_pktinfo info{};
    info.ipi6_addr = v6_of(from).sin6_addr;
    info.ipi6_ifindex = v6_of(from).sin6_scope_id;
    add(IPPROTO_IPV6, IPV6_PKTINFO, bytes_of(info));
  } else if (from.storage.ss_family == AF_INET) {
    in_pktinfo info{};
    info.ipi_spec_dst = v4_of(from).sin_addr;
    add(IPPROTO_IP, IP_PKTINFO, bytes_of(info));
  }
}

const UdpSender::Source& UdpSender::source(const UdpAddress& from, const rtp::PacketBlock& block,
                                           std::size_t first, std::size_t last) {
  for (const Source& known : sources_) {
    if (known.from->size == from.size && std::memcmp(&known.from->storage, &from.storage, from.size) == 0)
      return known;
  }
  Control uncut{};
  uncut.add_source(from);
  Source& made = sources_.emplace_back(Source{&from, {}});
  made.controls.assign(1 + last - first, uncut);
  for (std::size_t i = first; i < last; ++i) {
    const auto size = static_cast<std::uint16_t>(block.packets[block.runs[i].first].size);
    made.controls[1 + i - first].add(SOL_UDP, UDP_SEGMENT, bytes_of(size));
  }
  return made;
}

void UdpSender::add(const UdpPath& path, const Control& control, iovec& piece, std::uint32_t first,
                    std::uint32_t count) {
  mmsghdr message{};
  message.msg_hdr.msg_name = const_cast<sockaddr_storage*>(&path.to->storage);
  message.msg_hdr.msg_namelen = path.to->size;
  message.msg_hdr.msg_control = const_cast<std::uint8_t*>(control.bytes);
  message.msg_hdr.msg_controllen = control.size;
  message.msg_hdr.msg_iov = &piece;
  message.msg_hdr.msg_iovlen = 1;
  messages_.push_back(message);
  contents_.push_back({first, count});
}

// In the block prefixes of TCP's interleaving lie between the packets. To copy them once is cheaper than to
// give the kernel as many pieces for every receiver.
void UdpSender::lay_out(const rtp::PacketBlock& block, std::size_t first, std::size_t last) {
  const rtp::Run &begin = block.runs[first], &end = block.runs[last - 1];
  bytes_.clear();
  for (std::uint32_t i = begin.first; i < end.first + end.count; ++i) {
    const auto packet = block.packet(i);
    bytes_.insert(bytes_.end(), packet.begin(), packet.end());
  }
  pieces_.clear();
  whole_.clear();
  std::uint8_t* at = bytes_.data();
  for (std::size_t r = first; r < last; ++r) {
    const rtp::Run& run = block.runs[r];
    iovec whole{at, 0};
    for (std::uint32_t i = run.first; i < run.first + run.count; ++i) {
      pieces_.push_back({at, block.packets[i].size});
      at += block.packets[i].size;
    }
    whole.iov_len = static_cast<std::size_t>(at - static_cast<std::uint8_t*>(whole.iov_base));
    whole_.push_back(whole);
  }
}

UdpSender::Sent UdpSender::send(const rtp::PacketBlock& block, std::size_t first, std::size_t last,
                                std::span<const UdpPath> paths) {
  Sent sent;
  if (paths.empty() || first == last) return sent;
  lay_out(block, first, last);
  messages_.clear();
  contents_.clear();
  sources_.clear();
  for (const UdpPath& path : paths) {
    const Source& from = source(*path.from, block, first, last);
    std::uint32_t piece = 0;
    for (std::size_t i = 0; i < last - first; ++i) {
      const std::uint32_t count = block.runs[first + i].count;
      if (count > 1 && segmentation_) {
        add(path, from.controls[1 + i], whole_[i], piece, count);
      } else {
        for (std::uint32_t k = piece; k < piece + count; ++k) add(path, from.controls[0], pieces_[k], k, 1);
      }
      piece += count;
    }
  }
  flush(sent);
  return sent;
}

void UdpSender::send_one(std::span<const std::uint8_t> packet, const UdpPath& path, bool rtcp) noexcept {
  if (packet.empty()) return;
  Control control{};
  control.add_source(*path.from);
  iovec piece{const_cast<std::uint8_t*>(packet.data()), packet.size()};
  msghdr message{};
  message.msg_name = const_cast<sockaddr_storage*>(&path.to->storage);
  message.msg_namelen = path.to->size;
  message.msg_iov = &piece;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes;
  message.msg_controllen = control.size;
  ::sendmsg(rtcp ? rtcp_.get() : rtp_.get(), &message, 0);
}

}  // namespace camring::rtspserve
