#include "session.h"

#include "base/clock.h"
#include "mount.h"

namespace camring::rtspserve {

std::vector<std::uint8_t> Session::sender_report(std::int64_t now_ns, bool bye) const {
  rtp::SenderReport report;
  report.ssrc = mount.feed().ssrc();
  report.wall_ns = now_ns + monotonic_to_wall_ns();
  report.rtp_time = mount.feed().rtp_time(now_ns);
  report.packets = static_cast<std::uint32_t>(packets);
  report.octets = static_cast<std::uint32_t>(octets);
  std::vector<std::uint8_t> packet = rtp::sender_report(report, "camring-" + mount.name(), bye);
  if (srtp) packet = srtp->protect(packet, true);
  return packet;
}

void Session::received(std::span<const std::uint8_t> rtcp) {
  if (srtp) return;  // the client's key is not known: what it says can't be read
  const auto packet = rtp::parse_rtcp(rtcp, mount.feed().ssrc());
  if (!packet) return;
  alive_ns = monotonic_ns();
  if (!packet->report) return;
  reception = packet->report;
  if (const auto trip = rtp::round_trip_seconds(*packet->report, realtime_ns())) round_trip_s = trip;
}

}  // namespace camring::rtspserve
