#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstring>

#include "base/unique_fd.h"
#include "catch.h"
#include "udp_sender.h"

using namespace camring;
using namespace camring::rtspserve;

namespace {

struct Receiver {
  Receiver() : fd(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    at.size = sizeof at.storage;
    ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&at.storage), &at.size);
    const timeval patience{5, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  std::vector<std::uint8_t> take() const {
    std::vector<std::uint8_t> packet(65536);
    const ssize_t got = ::recv(fd.get(), packet.data(), packet.size(), 0);
    REQUIRE(got >= 0);
    packet.resize(static_cast<std::size_t>(got));
    return packet;
  }
  // Where the next packet, which has this size, came from.
  std::string sender_of(std::size_t size) const {
    std::array<std::uint8_t, 65536> packet;
    UdpAddress from;
    from.size = sizeof from.storage;
    const ssize_t got = ::recvfrom(fd.get(), packet.data(), packet.size(), 0,
                                   reinterpret_cast<sockaddr*>(&from.storage), &from.size);
    CHECK(got == static_cast<ssize_t>(size));
    return from.host();
  }
  UniqueFd fd;
  UdpAddress at;
};

// 127.0.0.last, which is ours as all of 127/8 is.
UdpAddress loopback(std::uint32_t last) {
  UdpAddress address;
  auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0x7f000000u + last);
  address.size = sizeof v4;
  return address;
}

// Runs of several packets, the last of each shorter.
rtp::PacketBlock block_of_packets() {
  rtp::PacketBlock block;
  rtp::PacketWriter writer(1, 65533, 96, 400);
  writer.start(block, 7, 10'000);
  std::vector<std::uint8_t> body(388);
  for (const std::size_t size : {30u, 388u, 388u, 388u, 100u, 388u, 388u, 20u, 50u}) {
    for (std::size_t i = 0; i < size; ++i) body[i] = static_cast<std::uint8_t>(size + i);
    writer.add({}, std::span(body).first(size));
  }
  REQUIRE(writer.finish());
  REQUIRE(block.runs.size() == 4);
  return block;
}

void check_arrival(UdpSender& sender) {
  const rtp::PacketBlock block = block_of_packets();
  const Receiver a, b;
  const UdpAddress to_a = sender.adapt(a.at), to_b = sender.adapt(b.at);
  const UdpAddress any;
  const UdpPath both[] = {{&to_a, &any}, {&to_b, &any}};
  const auto sent = sender.send(block, 0, block.runs.size(), both);
  CHECK(sent.packets == 2 * block.packets.size());
  CHECK(sent.refused == 0);
  for (const Receiver* receiver : {&a, &b}) {
    for (std::size_t i = 0; i < block.packets.size(); ++i) {
      const auto expected = block.packet(i);
      CHECK(receiver->take() == std::vector<std::uint8_t>(expected.begin(), expected.end()));
    }
  }
}

}  // namespace

TEST_CASE("udp: each receiver gets every packet as it was, in order") {
  UdpSender sender;
  CHECK(sender.rtp_port() % 2 == 0);
  check_arrival(sender);
  check_arrival(sender);
}

TEST_CASE("udp: where the kernel does not cut packets they are sent one by one") {
  UdpSender sender;
  // Segmentation offload and packets without a check sum exclude each other (udp_send_skb in the kernel).
  const int on = 1;
  REQUIRE(::setsockopt(sender.rtp_fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  check_arrival(sender);
  check_arrival(sender);  // and does not try again
}

TEST_CASE("udp: packets leave from the address that is given with each receiver, cut by the kernel or not") {
  UdpSender sender;
  const bool cut = GENERATE(true, false);
  const int on = cut ? 0 : 1;
  REQUIRE(::setsockopt(sender.rtp_fd(), SOL_SOCKET, SO_NO_CHECK, &on, sizeof on) == 0);
  const rtp::PacketBlock block = block_of_packets();
  const Receiver a, b, c;
  const UdpAddress to_a = sender.adapt(a.at), to_b = sender.adapt(b.at), to_c = sender.adapt(c.at);
  const UdpAddress second = sender.adapt(loopback(2)), third = sender.adapt(loopback(3));
  const UdpPath paths[] = {{&to_a, &second}, {&to_b, &third}, {&to_c, &second}};
  CHECK(sender.send(block, 0, block.runs.size(), paths).packets == 3 * block.packets.size());
  const std::uint8_t report[] = {1, 2, 3};
  for (const UdpPath& path : paths) sender.send_one(report, path, false);
  for (std::size_t i = 0; i < block.packets.size(); ++i) {
    CHECK(a.sender_of(block.packets[i].size) == "127.0.0.2");
    CHECK(b.sender_of(block.packets[i].size) == "127.0.0.3");
    CHECK(c.sender_of(block.packets[i].size) == "127.0.0.2");
  }
  CHECK(a.sender_of(3) == "127.0.0.2");
  CHECK(b.sender_of(3) == "127.0.0.3");
  CHECK(c.sender_of(3) == "127.0.0.2");
}

TEST_CASE("udp: an address that is not ours any more takes the stream from nobody else") {
  UdpSender sender;
  const rtp::PacketBlock block = block_of_packets();
  const Receiver a, b;
  const UdpAddress to_a = sender.adapt(a.at), to_b = sender.adapt(b.at);
  UdpAddress gone;
  auto& v4 = reinterpret_cast<sockaddr_in&>(gone.storage);
  v4.sin_family = AF_INET;
  v4.sin_addr.s_addr = htonl(0xc0000201);  // 192.0.2.1: for examples only, RFC 5737
  gone.size = sizeof v4;
  gone = sender.adapt(gone);
  const UdpAddress ours = sender.adapt(loopback(1));
  const UdpPath paths[] = {{&to_a, &gone}, {&to_b, &ours}};
  const auto sent = sender.send(block, 0, block.runs.size(), paths);
  CHECK(sent.refused == block.packets.size());
  CHECK(sent.packets == block.packets.size());
  for (const rtp::Packet& packet : block.packets) CHECK(b.sender_of(packet.size) == "127.0.0.1");
}

TEST_CASE("udp: a receiver that can't be reached harms no other") {
  UdpSender sender;
  const rtp::PacketBlock block = block_of_packets();
  const Receiver good;
  UdpAddress bad = sender.adapt(good.at).with_port(0);
  const UdpAddress to_good = sender.adapt(good.at);
  const UdpAddress any;
  const UdpPath both[] = {{&bad, &any}, {&to_good, &any}};
  const auto sent = sender.send(block, 0, block.runs.size(), both);
  CHECK(sent.refused == block.packets.size());
  for (std::size_t i = 0; i < block.packets.size(); ++i) CHECK(good.take().size() == block.packets[i].size);
}

TEST_CASE("udp: addresses of both families are told alike") {
  const Receiver receiver;
  CHECK(receiver.at.host() == "127.0.0.1");
  CHECK(receiver.at.mapped().host() == "127.0.0.1");
  CHECK(receiver.at.mapped().same_host(receiver.at));
  CHECK(receiver.at.with_port(99).port() == 99);
  CHECK(receiver.at.mapped().with_port(99).port() == 99);
  CHECK_FALSE(UdpAddress{}.same_host(receiver.at));
}
