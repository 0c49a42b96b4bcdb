// One access unit as RTP packets (RFC 6184) in one piece of memory, for the side that only sends.
#pragma once

#include <cstdint>
#include <vector>

#include "clip.h"

namespace bench {

/// Bytes of an RTP packet at most: what both servers do when nothing else is said.
inline constexpr std::size_t kPacketBytes = 1400;

struct RtpFrame {
  struct Packet {
    std::size_t at = 0;  ///< of its RTP header in `bytes`
    std::size_t size = 0;
  };
  std::vector<std::uint8_t> bytes;
  std::vector<Packet> packets;
  std::size_t clock_at = 0;  ///< as in ClipUnit
};

/// Small NAL units become packets, larger ones fragments (FU-A).
/// @param interleaved  put the four bytes of RTP over RTSP (RFC 2326, 10.12) ahead of each packet
[[nodiscard]] RtpFrame packetize(const ClipUnit& unit, bool interleaved);

/// Gives the packets their numbers and times. Returns the number after the last.
std::uint16_t stamp(RtpFrame& frame, std::uint16_t sequence, std::uint32_t rtp_time,
                    std::int64_t now_ns) noexcept;

}  // namespace bench
