// RTP and RTCP over UDP: one pair of sockets for all sessions, runs of packets in one system call where the
// kernel cuts them (UDP_SEGMENT, udp(7)).
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "rtp/packet_block.h"

namespace camring::rtspserve {

/// Where a session wants its packets.
struct UdpAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] UdpAddress with_port(std::uint16_t port) const noexcept;
  [[nodiscard]] std::uint16_t port() const noexcept;
  [[nodiscard]] std::string host() const;  ///< numeric; "" for a unix socket
  /// Both IPv4 addresses and their form mapped to IPv6 are the same.
  [[nodiscard]] bool same_host(const UdpAddress& other) const noexcept;
  /// In the form that a socket of both families wants.
  [[nodiscard]] UdpAddress mapped() const noexcept;
};

/// Where packets go, and the address of ours that they come from, both adapted to the sender's sockets.
/// Without the latter (size 0, as for a group) the system chooses.
struct UdpPath {
  const UdpAddress* to;
  const UdpAddress* from;
};

/// In the loop's turn only.
class UdpSender {
 public:
  /// @throws Error (system) when no pair of ports is free.
  UdpSender();

  [[nodiscard]] std::uint16_t rtp_port() const noexcept { return port_; }
  [[nodiscard]] int rtp_fd() const noexcept { return rtp_.get(); }
  [[nodiscard]] int rtcp_fd() const noexcept { return rtcp_.get(); }
  void set_multicast_ttl(unsigned ttl) noexcept;
  /// Multicast leaves through the interface that has this address.
  void set_multicast_interface(const std::string& address) noexcept;

  /// The address in the form that these sockets take.
  [[nodiscard]] UdpAddress adapt(const UdpAddress& address) const noexcept {
    return v6_ ? address.mapped() : address;
  }

  struct Sent {
    std::uint64_t packets = 0, bytes = 0;  ///< handed to the network, over all receivers
    std::uint64_t refused = 0;             ///< packets that the kernel had no room for
  };
  /// The runs [first, last) of a block over every path.
  Sent send(const rtp::PacketBlock& block, std::size_t first, std::size_t last,
            std::span<const UdpPath> paths);
  void send_one(std::span<const std::uint8_t> packet, const UdpPath& path, bool rtcp) noexcept;

 private:
  // Control data of a message: the source, if any, and behind it what size to cut to, if it is to be cut.
  struct Control {
    alignas(cmsghdr) std::uint8_t bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(std::uint16_t))];
    std::size_t size = 0;
    void add(int level, int type, std::span<const std::uint8_t> data) noexcept;
    void add_source(const UdpAddress& from) noexcept;
  };
  void add(const UdpPath& path, const Control& control, iovec& piece, std::uint32_t first,
           std::uint32_t count);
  void lay_out(const rtp::PacketBlock& block, std::size_t first, std::size_t last);
  void flush(Sent& sent);
  void one_by_one(const msghdr& message, const rtp::Run& run, Sent& sent) noexcept;
  UniqueFd rtp_, rtcp_;
  std::uint16_t port_ = 0;
  bool segmentation_ = true;
  bool v6_ = true;
  // Those for what leaves from one address: not cut, then one for each run.
  struct Source {
    const UdpAddress* from;
    std::vector<Control> controls;
  };
  const Source& source(const UdpAddress& from, const rtp::PacketBlock& block, std::size_t first,
                       std::size_t last);
  // What is sent now: packets one right behind the other, so that a run is one piece for the kernel.
  std::vector<std::uint8_t> bytes_;
  std::vector<iovec> pieces_;  // the packets
  std::vector<iovec> whole_;   // the runs
  std::vector<mmsghdr> messages_;
  std::vector<rtp::Run> contents_;  // of each message, in pieces_
  std::vector<Source> sources_;     // messages_ points into their controls
};

}  // namespace camring::rtspserve
