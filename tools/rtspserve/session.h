// One client's RTSP session: what it set up, and how its stream goes.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "rtp/rtcp.h"
#include "srtp_sender.h"
#include "stream_cursor.h"
#include "udp_sender.h"

namespace camring::rtspserve {

class Connection;
class Mount;

/// In the loop's turn only.
struct Session {
  enum class Kind { tcp, udp, multicast };

  Session(std::string name, Mount& of, Kind how, const BlockStore& store, std::chrono::nanoseconds max_lag)
      : id(std::move(name)), mount(of), kind(how), cursor(store, max_lag) {}

  std::string id;
  Mount& mount;
  Kind kind;
  std::string peer;  ///< numeric address, for /state and limits
  std::string user;
  Connection* connection = nullptr;  ///< that set it up; ends with it
  bool playing = false;
  std::int64_t alive_ns = 0;       ///< when the client was last heard of
  std::int64_t report_due_ns = 0;  ///< next sender report
  std::int64_t began_ns = 0;

  StreamCursor cursor;         ///< TCP
  std::uint8_t channel = 0;    ///< TCP: of RTP; RTCP has the next
  UdpAddress rtp_to, rtcp_to;  ///< UDP
  UdpAddress from;             ///< UDP: where the client reached us; none for a group
  std::uint64_t at_block = 0;  ///< UDP, while it catches up: place in the store
  std::size_t at_run = 0;
  std::unique_ptr<SrtpSender> srtp;

  std::uint64_t packets = 0, octets = 0, bytes = 0, refused = 0;
  std::optional<rtp::ReceptionReport> reception;
  std::optional<double> round_trip_s;

  [[nodiscard]] UdpPath rtp_path() const noexcept { return {&rtp_to, &from}; }
  [[nodiscard]] UdpPath rtcp_path() const noexcept { return {&rtcp_to, &from}; }
  void count(std::uint64_t some_packets, std::uint64_t some_bytes) noexcept {
    packets += some_packets;
    bytes += some_bytes;
    octets += some_bytes - std::min(some_bytes, some_packets * rtp::kHeaderBytes);
  }
  /// The report that is due now, with a goodbye where wanted.
  [[nodiscard]] std::vector<std::uint8_t> sender_report(std::int64_t now_ns, bool bye = false) const;
  void received(std::span<const std::uint8_t> rtcp);
};

}  // namespace camring::rtspserve
