// The Transport header of SETUP (RFC 2326, section 12.39).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace camring::rtp {

/// One of the ways that a client offers, in its order.
struct Transport {
  enum class Kind { tcp, udp, multicast };
  Kind kind = Kind::udp;
  bool secure = false;                               ///< RTP/SAVP
  bool record = false;                               ///< mode="RECORD"
  std::optional<std::uint8_t> channel;               ///< interleaved: of RTP; RTCP has the next
  std::optional<std::uint16_t> rtp_port, rtcp_port;  ///< client_port (unicast) or port (multicast)
  std::string destination;                           ///< empty: where the request came from
};

/// The offers that make sense; empty when there is none. Any text may come in.
[[nodiscard]] std::vector<Transport> parse_transport(std::string_view header);

}  // namespace camring::rtp
