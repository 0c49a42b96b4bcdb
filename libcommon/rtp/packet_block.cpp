#include "rtp/packet_block.h"

#include "rtp/bytes.h"

namespace camring::rtp {
namespace {

// Of the 64 that the kernel takes: what follows each other at once should not fill a switch's or a slow
// receiver's queue.
constexpr std::size_t kMaxSegments = 20;
constexpr std::size_t kMaxDatagram = 65'000;
constexpr std::size_t kMaxCopies = 3;

}  // namespace

const std::vector<std::uint8_t>* PacketBlock::for_channel(std::uint8_t channel) const {
  if (channel == 0) return &bytes;
  for (const auto& [number, copy] : others_) {
    if (number == channel) return copy.get();
  }
  if (others_.size() >= kMaxCopies) return nullptr;
  auto copy = std::make_unique<std::vector<std::uint8_t>>();
  copy_for_channel(channel, *copy);
  return others_.emplace_back(channel, std::move(copy)).second.get();
}

void PacketBlock::copy_for_channel(std::uint8_t channel, std::vector<std::uint8_t>& out) const {
  out = bytes;
  for (const Packet& packet : packets) out[packet.offset - kInterleavedBytes + 1] = channel;
}

void PacketWriter::start(PacketBlock& block, std::uint32_t rtp_time, std::size_t payload_bytes) {
  block_ = &block;
  block.rtp_time = rtp_time;
  block.first_seq = seq_;
  const std::size_t packets = payload_bytes / (room() - 2) + 8;
  block.packets.reserve(packets);
  block.bytes.reserve(payload_bytes + packets * (kInterleavedBytes + kHeaderBytes + 8));
}

void PacketWriter::add(std::span<const std::uint8_t> head, std::span<const std::uint8_t> body,
                       std::span<const std::uint8_t> extension) {
  std::vector<std::uint8_t>& out = block_->bytes;
  const std::size_t size = kHeaderBytes + extension.size() + head.size() + body.size();
  out.push_back('$');
  out.push_back(0);
  put16(out, static_cast<std::uint16_t>(size));
  block_->packets.push_back({static_cast<std::uint32_t>(out.size()), static_cast<std::uint32_t>(size)});
  out.push_back(extension.empty() ? 0x80 : 0x90);  // version 2, extension bit
  out.push_back(payload_type_);
  put16(out, seq_++);
  put32(out, block_->rtp_time);
  put32(out, ssrc_);
  out.insert(out.end(), extension.begin(), extension.end());
  out.insert(out.end(), head.begin(), head.end());
  out.insert(out.end(), body.begin(), body.end());
}

bool PacketWriter::finish() {
  PacketBlock& block = *block_;
  block_ = nullptr;
  if (block.packets.empty()) return false;
  block.bytes[block.packets.back().offset + 1] |= 0x80;
  for (std::uint32_t i = 0; i < block.packets.size(); ++i) {
    if (!block.runs.empty()) {
      Run& run = block.runs.back();
      const std::uint32_t full = block.packets[run.first].size;
      const bool last_was_full = block.packets[i - 1].size == full;
      if (last_was_full && block.packets[i].size <= full && run.count < kMaxSegments &&
          std::size_t{full} * (run.count + 1) <= kMaxDatagram) {
        ++run.count;
        continue;
      }
    }
    block.runs.push_back({i, 1});
  }
  return true;
}

}  // namespace camring::rtp
