// Frames of rings on their way into packets: none may be longer than a datagram, whatever the frame.
#include <cstdint>

#include "rtp/packetizer.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace camring;
  if (size < 2) return 0;
  const Codec codecs[] = {Codec::h264, Codec::hevc, Codec::mjpeg};
  const Codec codec = codecs[data[0] % 3];
  rtp::PacketWriter writer(1, 0, rtp::payload_type(codec), 300);
  const auto packetizer = rtp::make_packetizer(codec, writer);
  const std::span frame(data + 2, size - 2);
  if ((data[1] & 2) != 0) packetizer->set_extradata(frame.first(frame.size() / 2));
  for (int i = 0; i < 2; ++i) {
    rtp::PacketBlock block;
    if (!packetizer->packetize(frame, (data[1] & 1) != 0, 0, block)) continue;
    for (const rtp::Packet& packet : block.packets) {
      if (packet.size > 300 || packet.size <= rtp::kHeaderBytes) __builtin_trap();
    }
  }
  return 0;
}
