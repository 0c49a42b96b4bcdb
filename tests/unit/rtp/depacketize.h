// The receiving side of RFC 6184 and RFC 7798, written from the RFCs for the tests alone.
#pragma once

#include <vector>

#include "catch.h"
#include "frame/format.h"
#include "rtp/bytes.h"
#include "rtp/packet_block.h"

namespace camring::rtp {

using Nal = std::vector<std::uint8_t>;

/// The NAL units that the packets of a block carry, in order; checks what every receiver relies on.
inline std::vector<Nal> depacketize(Codec codec, const PacketBlock& block, std::uint32_t ssrc) {
  std::vector<Nal> nals;
  Nal fragment;
  bool open = false;
  for (std::size_t i = 0; i < block.packets.size(); ++i) {
    const auto packet = block.packet(i);
    REQUIRE(packet.size() > kHeaderBytes);
    REQUIRE(packet[0] == 0x80);
    REQUIRE((packet[1] >> 7 == 1) == (i + 1 == block.packets.size()));  // the marker ends the access unit
    REQUIRE((packet[1] & 0x7f) == 96);
    REQUIRE(get16(packet, 2) == static_cast<std::uint16_t>(block.first_seq + i));
    REQUIRE(get32(packet, 4) == block.rtp_time);
    REQUIRE(get32(packet, 8) == ssrc);
    const std::uint8_t* prefix = packet.data() - kInterleavedBytes;
    REQUIRE(prefix[0] == '$');
    REQUIRE(prefix[1] == 0);
    REQUIRE(static_cast<std::size_t>(prefix[2] << 8 | prefix[3]) == packet.size());
    auto payload = packet.subspan(kHeaderBytes);
    const bool avc = codec == Codec::h264;
    const std::size_t header = avc ? 1 : 2;
    const int type = avc ? payload[0] & 0x1f : payload[0] >> 1 & 0x3f;
    if (type == (avc ? 24 : 48)) {
      REQUIRE_FALSE(open);
      payload = payload.subspan(header);
      int units = 0;
      while (!payload.empty()) {
        const std::size_t size = get16(payload, 0);
        REQUIRE(size <= payload.size() - 2);
        nals.emplace_back(payload.begin() + 2, payload.begin() + 2 + static_cast<std::ptrdiff_t>(size));
        payload = payload.subspan(2 + size);
        ++units;
      }
      REQUIRE(units >= 2);
    } else if (type == (avc ? 28 : 49)) {
      const std::uint8_t fu = payload[header];
      const bool first = (fu & 0x80) != 0;
      const bool last = (fu & 0x40) != 0;
      REQUIRE_FALSE((first && last));  // RFC 6184, 5.8: not a whole unit
      REQUIRE(first != open);
      if (first) {
        fragment.clear();
        if (avc) {
          fragment.push_back(static_cast<std::uint8_t>((payload[0] & 0xe0) | (fu & 0x1f)));
        } else {
          fragment.push_back(static_cast<std::uint8_t>((payload[0] & 0x81) | (fu & 0x3f) << 1));
          fragment.push_back(payload[1]);
        }
      }
      fragment.insert(fragment.end(), payload.begin() + static_cast<std::ptrdiff_t>(header) + 1,
                      payload.end());
      open = !last;
      if (last) nals.push_back(fragment);
    } else {
      REQUIRE_FALSE(open);
      nals.emplace_back(payload.begin(), payload.end());
    }
  }
  REQUIRE_FALSE(open);
  return nals;
}

}  // namespace camring::rtp
