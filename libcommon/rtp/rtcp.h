// RTCP (RFC 3550, section 6): sender reports with the time of capture, names, goodbyes; receivers' reports.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace camring::rtp {

/// What a sender report says.
struct SenderReport {
  std::uint32_t ssrc = 0;
  std::int64_t wall_ns = 0;    ///< since the Unix epoch; sent as NTP time
  std::uint32_t rtp_time = 0;  ///< of a frame captured at that time
  std::uint32_t packets = 0, octets = 0;
};

/// 64-bit NTP time (RFC 5905): seconds since 1900 and their binary fraction.
[[nodiscard]] std::uint64_t ntp_time(std::int64_t wall_ns) noexcept;

/// A compound packet: SR, SDES with the name, and BYE where wanted.
[[nodiscard]] std::vector<std::uint8_t> sender_report(const SenderReport& report, std::string_view cname,
                                                      bool bye = false);

/// One receiver's view of our stream.
struct ReceptionReport {
  std::uint32_t about_ssrc = 0;
  std::uint8_t fraction_lost = 0;  ///< of 256, since the report before
  std::int32_t lost = 0;           ///< in all; may be negative with duplicates
  std::uint32_t highest_seq = 0;
  std::uint32_t jitter = 0;          ///< in ticks of the RTP clock
  std::uint32_t last_sr = 0;         ///< middle 32 bits of the NTP time of the last SR; 0: none came yet
  std::uint32_t delay_since_sr = 0;  ///< in 1/65536 s
};

/// What an RTCP packet of a receiver holds.
struct ReceiverPacket {
  std::optional<ReceptionReport> report;  ///< the first about the stream asked for
  bool bye = false;
};

/// Reads a compound packet. Empty when it is no RTCP. Any bytes may come in.
[[nodiscard]] std::optional<ReceiverPacket> parse_rtcp(std::span<const std::uint8_t> packet,
                                                       std::uint32_t our_ssrc);

/// The round trip that a report tells of, received at `wall_ns`; empty where it can't.
[[nodiscard]] std::optional<double> round_trip_seconds(const ReceptionReport& report,
                                                       std::int64_t wall_ns) noexcept;

}  // namespace camring::rtp
