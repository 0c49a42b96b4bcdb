#include "rtp_frame.h"

#include <algorithm>
#include <array>

namespace bench {
namespace {

constexpr std::size_t kHeader = 12;

class Packer {
 public:
  Packer(RtpFrame& frame, bool interleaved) : frame_(frame), interleaved_(interleaved) {}

  void add(std::span<const std::uint8_t> head, std::span<const std::uint8_t> payload, bool marker) {
    const std::size_t size = kHeader + head.size() + payload.size();
    const auto high = static_cast<std::uint8_t>(size >> 8), low = static_cast<std::uint8_t>(size);
    if (interleaved_) append(std::array<std::uint8_t, 4>{'$', 0, high, low});
    frame_.packets.push_back({frame_.bytes.size(), size});
    const auto second = static_cast<std::uint8_t>(96 | (marker ? 0x80 : 0));
    append(std::array<std::uint8_t, kHeader>{0x80, second, 0, 0, 0, 0, 0, 0, 'B', 'N', 'C', 'H'});
    append(head);
    append(payload);
  }

 private:
  void append(std::span<const std::uint8_t> bytes) {
    frame_.bytes.insert(frame_.bytes.end(), bytes.begin(), bytes.end());
  }
  RtpFrame& frame_;
  bool interleaved_;
};

void add_fragments(Packer& packer, std::span<const std::uint8_t> nal, bool marker) {
  constexpr std::size_t kRoom = kPacketBytes - kHeader - 2;
  const auto indicator = static_cast<std::uint8_t>((nal[0] & 0xe0) | 28);
  for (std::size_t at = 1; at < nal.size(); at += kRoom) {
    const std::size_t size = std::min(kRoom, nal.size() - at);
    const bool last = at + size == nal.size();
    const auto header = static_cast<std::uint8_t>((nal[0] & 31) | (at == 1 ? 0x80 : 0) | (last ? 0x40 : 0));
    packer.add(std::array{indicator, header}, nal.subspan(at, size), marker && last);
  }
}

void put(std::uint8_t* to, std::uint32_t value, int bytes) noexcept {
  for (int i = bytes; i-- > 0; value >>= 8) to[i] = static_cast<std::uint8_t>(value);
}

}  // namespace

RtpFrame packetize(const ClipUnit& unit, bool interleaved) {
  RtpFrame frame;
  Packer packer(frame, interleaved);
  const auto nals = nal_units(unit.bytes);
  for (std::size_t i = 0; i < nals.size(); ++i) {
    const std::size_t before = frame.bytes.size(),
                      nal_at = static_cast<std::size_t>(nals[i].data() - unit.bytes.data());
    const bool marker = i + 1 == nals.size();
    if (kHeader + nals[i].size() > kPacketBytes) {
      add_fragments(packer, nals[i], marker);
      continue;
    }
    packer.add({}, nals[i], marker);
    if (unit.clock_at > nal_at && unit.clock_at < nal_at + nals[i].size())
      frame.clock_at = before + (interleaved ? 4 : 0) + kHeader + unit.clock_at - nal_at;
  }
  return frame;
}

std::uint16_t stamp(RtpFrame& frame, std::uint16_t sequence, std::uint32_t rtp_time,
                    std::int64_t now_ns) noexcept {
  write_clock(frame.bytes.data() + frame.clock_at, now_ns);
  for (const RtpFrame::Packet& packet : frame.packets) {
    put(frame.bytes.data() + packet.at + 2, sequence++, 2);
    put(frame.bytes.data() + packet.at + 4, rtp_time, 4);
  }
  return sequence;
}

}  // namespace bench
