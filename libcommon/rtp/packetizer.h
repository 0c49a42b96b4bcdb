// Frames of a ring into RTP payloads: H.264 (RFC 6184, packetization mode 1), HEVC (RFC 7798), JPEG (RFC
// 2435, and ONVIF's extension for what it can't say).
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "frame/format.h"
#include "rtp/packet_block.h"

namespace camring::rtp {

inline constexpr std::uint32_t kClockRate = 90'000;  ///< of all three payload formats

/// The payload type that a codec is announced with: 26 for JPEG (RFC 3551), else 96.
[[nodiscard]] std::uint8_t payload_type(Codec codec) noexcept;

/// Ticks of the RTP clock at a monotonic time, to which a stream adds its random base.
[[nodiscard]] std::uint32_t ticks(std::int64_t monotonic_ns) noexcept;

/// Turns one stream's frames into packets. One thread at a time; any bytes may come in.
class Packetizer {
 public:
  virtual ~Packetizer() = default;
  /// Fills `block` (all but sequence and times other than rtp_time). False: nothing in it that can be sent.
  [[nodiscard]] virtual bool packetize(std::span<const std::uint8_t> frame, bool keyframe,
                                       std::uint32_t rtp_time, PacketBlock& block) = 0;
  /// H.264, HEVC: parameter sets from outside the stream (Annex B), for keyframes that have none.
  virtual void set_extradata(std::span<const std::uint8_t>) {}
  /// H.264, HEVC: the parameter sets in force, Annex B; empty while none are known.
  [[nodiscard]] virtual std::span<const std::uint8_t> extradata() const noexcept { return {}; }
};

/// @throws Error (data) for a codec that RTP is not spoken for here.
[[nodiscard]] std::unique_ptr<Packetizer> make_packetizer(Codec codec, PacketWriter& writer);

}  // namespace camring::rtp
