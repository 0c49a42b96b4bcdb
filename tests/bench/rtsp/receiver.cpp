#include "receiver.h"

#include "clip.h"

namespace bench {
namespace {

constexpr int kIdr = 5, kAggregate = 24, kFragment = 28;

}  // namespace

void Receiver::look_at(std::span<const std::uint8_t> payload) noexcept {
  const int type = payload[0] & 31;
  const bool begins = type == kFragment && (payload[1] & 0x80) != 0;
  if (type == kIdr || (begins && (payload[1] & 31) == kIdr)) keyframe_ = true;
  if (type == kAggregate) {
    for (std::size_t at = 1; at + 3 < payload.size();) {
      const std::size_t size = static_cast<std::size_t>(payload[at]) << 8 | payload[at + 1];
      if (size == 0 || at + 2 + size > payload.size()) return;
      if (size > 1) look_at(payload.subspan(at + 2, size));
      at += 2 + size;
    }
  } else if (const std::int64_t clock_ns = find_clock(payload); clock_ns != 0) {
    clock_ns_ = clock_ns;
  }
}

void Receiver::take(std::span<const std::uint8_t> packet, std::int64_t now_ns, LoadResult& result) noexcept {
  if (packet.size() < 14 || (packet[0] >> 6) != 2) return;
  std::size_t head = 12 + std::size_t{4} * (packet[0] & 15);
  if ((packet[0] & 0x10) != 0 && packet.size() >= head + 4)
    head += 4 + 4 * (static_cast<std::size_t>(packet[head + 2]) << 8 | packet[head + 3]);
  if (packet.size() < head + 2) return;

  const auto number = static_cast<std::uint16_t>(packet[2] << 8 | packet[3]);
  const auto gap = static_cast<std::uint16_t>(number - expected_);
  if (begun_ && gap >= 0x8000) return;  // late: counted as lost already
  if (begun_ && gap > 0) {
    result.lost += gap;
    whole_ = false;
  }
  begun_ = true;
  expected_ = static_cast<std::uint16_t>(number + 1);
  ++result.packets;
  result.bytes += packet.size();

  look_at(packet.subspan(head));
  if ((packet[1] & 0x80) == 0) return;
  if (whole_) {
    ++result.frames;
    if (clock_ns_ != 0) result.ages.add(now_ns - clock_ns_);
    if (keyframe_ && first_picture_ns_ == 0) first_picture_ns_ = now_ns;
  }
  clock_ns_ = 0;
  whole_ = true;
  keyframe_ = false;
}

}  // namespace bench
