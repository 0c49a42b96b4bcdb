// One access unit as RTP packets, laid out so that every client can be served from the same bytes: over TCP
// with one write, over UDP with one system call for a run of packets.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

namespace camring::rtp {

inline constexpr std::size_t kInterleavedBytes = 4;  ///< "$", channel, length: RFC 2326, section 10.12
inline constexpr std::size_t kHeaderBytes = 12;      ///< RFC 3550, section 5.1, without CSRCs

/// Where one packet lies in its block's bytes. The four bytes before it are its interleaved prefix.
struct Packet {
  std::uint32_t offset = 0;  ///< of the RTP header
  std::uint32_t size = 0;    ///< RTP header included
};

/// Packets one behind the other that are as long as the first, but for the last, which may be shorter: what
/// UDP segmentation offload takes in one call.
struct Run {
  std::uint32_t first = 0, count = 0;
};

/// All packets of one access unit. Filled by one thread, then shared and never changed but for the copies
/// with other channel numbers, which the event loop makes.
struct PacketBlock {
  std::vector<std::uint8_t> bytes;  ///< prefix, packet, prefix, packet, …; the prefixes say channel 0
  std::vector<Packet> packets;
  std::vector<Run> runs;
  std::uint64_t sequence = 0;  ///< goes up by one a block of its stream
  std::uint32_t rtp_time = 0;
  std::uint16_t first_seq = 0;
  bool keyframe = false;
  std::int64_t capture_ns = 0;    ///< CLOCK_MONOTONIC
  std::int64_t available_ns = 0;  ///< CLOCK_MONOTONIC, since when it could be had

  /// The bytes with another channel in every prefix; made at the first call, for the first few channels only:
  /// null for others, so that no client can fill the memory with copies. One thread at a time.
  [[nodiscard]] const std::vector<std::uint8_t>* for_channel(std::uint8_t channel) const;
  /// Writes such a copy.
  void copy_for_channel(std::uint8_t channel, std::vector<std::uint8_t>& out) const;
  [[nodiscard]] std::span<const std::uint8_t> packet(std::size_t index) const noexcept {
    return std::span(bytes).subspan(packets[index].offset, packets[index].size);
  }

 private:
  mutable std::vector<std::pair<std::uint8_t, std::unique_ptr<std::vector<std::uint8_t>>>> others_;
};
using BlockPtr = std::shared_ptr<const PacketBlock>;

/// Numbers and writes the packets of one RTP stream. One thread at a time.
class PacketWriter {
 public:
  /// @param max_packet  bytes of a packet at most, RTP header included
  PacketWriter(std::uint32_t ssrc, std::uint16_t first_seq, std::uint8_t payload_type, std::size_t max_packet)
      : ssrc_(ssrc), seq_(first_seq), payload_type_(payload_type), max_packet_(max_packet) {}

  /// Starts a block; `payload_bytes` is a guess at what will go in.
  void start(PacketBlock& block, std::uint32_t rtp_time, std::size_t payload_bytes);
  /// One packet of the block, its payload in up to three pieces. `extension`: an RTP header extension, whole.
  void add(std::span<const std::uint8_t> head, std::span<const std::uint8_t> body,
           std::span<const std::uint8_t> extension = {});
  /// Sets the marker of the last packet and finds the runs. False: the block has no packets.
  bool finish();

  [[nodiscard]] std::size_t room() const noexcept { return max_packet_ - kHeaderBytes; }
  [[nodiscard]] std::uint16_t next_seq() const noexcept { return seq_; }
  [[nodiscard]] std::uint32_t ssrc() const noexcept { return ssrc_; }

 private:
  std::uint32_t ssrc_;
  std::uint16_t seq_;
  std::uint8_t payload_type_;
  std::size_t max_packet_;
  PacketBlock* block_ = nullptr;
};

}  // namespace camring::rtp
