// A session description (RFC 4566) of one video stream, for DESCRIBE and ANNOUNCE.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "frame/format.h"

namespace camring::rtp {

struct SdpOptions {
  std::string name;           ///< of the session
  std::string address;        ///< of this server, for o=; an IPv4 or IPv6 address
  std::uint64_t id = 0;       ///< of the session, for o=
  std::uint64_t version = 0;  ///< goes up when the description changes
  std::string multicast;      ///< group address; empty for unicast
  std::uint16_t port = 0;     ///< of multicast
  unsigned ttl = 0;           ///< of multicast
  std::string crypto;         ///< value of a=crypto (RFC 4568); makes the profile RTP/SAVP
};

/// @param extradata  H.264, HEVC: parameter sets, Annex B, as packetizer.h keeps them
[[nodiscard]] std::string make_sdp(const FrameFormat& format, std::span<const std::uint8_t> extradata,
                                   const SdpOptions& options);

}  // namespace camring::rtp
