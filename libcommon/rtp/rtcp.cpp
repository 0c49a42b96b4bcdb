#include "rtp/rtcp.h"

#include <algorithm>

#include "rtp/bytes.h"

namespace camring::rtp {
namespace {

constexpr std::uint8_t kSenderReport = 200, kReceiverReport = 201, kSdes = 202, kBye = 203;
constexpr std::uint64_t kNtpEpoch = 2'208'988'800;  // 1970 in seconds since 1900

void put_header(std::vector<std::uint8_t>& out, unsigned count, std::uint8_t type, std::size_t words) {
  out.push_back(static_cast<std::uint8_t>(0x80 | count));
  out.push_back(type);
  put16(out, static_cast<std::uint16_t>(words - 1));
}

}  // namespace

std::uint64_t ntp_time(std::int64_t wall_ns) noexcept {
  const auto seconds = static_cast<std::uint64_t>(wall_ns / 1'000'000'000) + kNtpEpoch;
  const auto fraction = (static_cast<std::uint64_t>(wall_ns % 1'000'000'000) << 32) / 1'000'000'000;
  return seconds << 32 | fraction;
}

std::vector<std::uint8_t> sender_report(const SenderReport& report, std::string_view cname, bool bye) {
  std::vector<std::uint8_t> out;
  put_header(out, 0, kSenderReport, 7);
  put32(out, report.ssrc);
  const std::uint64_t ntp = ntp_time(report.wall_ns);
  put32(out, static_cast<std::uint32_t>(ntp >> 32));
  put32(out, static_cast<std::uint32_t>(ntp));
  put32(out, report.rtp_time);
  put32(out, report.packets);
  put32(out, report.octets);

  cname = cname.substr(0, 255);
  const std::size_t item = 2 + cname.size();
  const std::size_t padded = (item / 4 + 1) * 4;  // at least one zero ends the list
  put_header(out, 1, kSdes, 2 + padded / 4);
  put32(out, report.ssrc);
  out.push_back(1);  // CNAME
  out.push_back(static_cast<std::uint8_t>(cname.size()));
  out.insert(out.end(), cname.begin(), cname.end());
  out.insert(out.end(), padded - item, 0);

  if (bye) {
    put_header(out, 1, kBye, 2);
    put32(out, report.ssrc);
  }
  return out;
}

std::optional<ReceiverPacket> parse_rtcp(std::span<const std::uint8_t> packet, std::uint32_t our_ssrc) {
  ReceiverPacket found;
  if (packet.size() < 4) return std::nullopt;
  while (packet.size() >= 4) {
    const std::size_t bytes = (std::size_t{get16(packet, 2)} + 1) * 4;
    if ((packet[0] & 0xc0) != 0x80 || bytes > packet.size()) return std::nullopt;
    const std::uint8_t type = packet[1];
    if (type < 192 || type > 223) return std::nullopt;
    const std::size_t count = packet[0] & 0x1f;
    std::size_t at = type == kSenderReport ? 28 : 8;
    if (type == kSenderReport || type == kReceiverReport) {
      for (std::size_t i = 0; i < count && at + 24 <= bytes; ++i, at += 24) {
        if (get32(packet, at) != our_ssrc || found.report) continue;
        const std::uint32_t lost = get32(packet, at + 4) & 0xffffff;
        ReceptionReport report;
        report.about_ssrc = our_ssrc;
        report.fraction_lost = packet[at + 4];
        report.lost = static_cast<std::int32_t>(lost << 8) >> 8;
        report.highest_seq = get32(packet, at + 8);
        report.jitter = get32(packet, at + 12);
        report.last_sr = get32(packet, at + 16);
        report.delay_since_sr = get32(packet, at + 20);
        found.report = report;
      }
    }
    if (type == kBye) found.bye = true;
    packet = packet.subspan(bytes);
  }
  return found;
}

std::optional<double> round_trip_seconds(const ReceptionReport& report, std::int64_t wall_ns) noexcept {
  if (report.last_sr == 0) return std::nullopt;
  const auto now = static_cast<std::uint32_t>(ntp_time(wall_ns) >> 16);
  const auto trip = static_cast<std::int32_t>(now - report.last_sr - report.delay_since_sr);
  if (trip < 0) return 0;  // less than the clock's step
  return static_cast<double>(trip) / 65536;
}

}  // namespace camring::rtp
