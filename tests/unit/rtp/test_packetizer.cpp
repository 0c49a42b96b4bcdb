#include "depacketize.h"
#include "rtp/packetizer.h"

using namespace camring;
using namespace camring::rtp;

namespace {

constexpr std::uint32_t kSsrc = 0x12345678;

Nal avc(int type, std::size_t size, std::uint8_t fill = 0x55) {
  Nal nal(size, fill);
  nal[0] = static_cast<std::uint8_t>(0x60 | type);
  return nal;
}
Nal hevc(int type, std::size_t size, std::uint8_t fill = 0x55) {
  Nal nal(size, fill);
  nal[0] = static_cast<std::uint8_t>(type << 1);
  nal[1] = 1;
  return nal;
}

std::vector<std::uint8_t> annex_b(const std::vector<Nal>& nals) {
  std::vector<std::uint8_t> bytes;
  for (const Nal& nal : nals) {
    bytes.insert(bytes.end(), {0, 0, 0, 1});
    bytes.insert(bytes.end(), nal.begin(), nal.end());
  }
  return bytes;
}

struct Stream {
  explicit Stream(Codec of, std::size_t mtu = 1400)
      : codec(of), writer(kSsrc, 65530, payload_type(of), mtu), packetizer(make_packetizer(of, writer)) {}
  PacketBlock packets(const std::vector<std::uint8_t>& frame, bool keyframe) {
    PacketBlock block;
    REQUIRE(packetizer->packetize(frame, keyframe, 90'000, block));
    return block;
  }
  Codec codec;
  PacketWriter writer;
  std::unique_ptr<Packetizer> packetizer;
};

}  // namespace

TEST_CASE("Units of every size come out of their packets as they went in") {
  for (const std::size_t mtu : {256u, 1400u}) {
    for (const std::size_t size :
         {2u, 243u, 244u, 245u, 1387u, 1388u, 1389u, 1390u, 2772u, 2773u, 2774u, 100'000u}) {
      CAPTURE(mtu, size);
      Stream h264(Codec::h264, mtu);
      const std::vector<Nal> units{avc(7, 20), avc(8, 5), avc(6, 30), avc(5, size, 0x5a)};
      const PacketBlock block = h264.packets(annex_b(units), true);
      CHECK(depacketize(Codec::h264, block, kSsrc) == units);
      for (const Packet& packet : block.packets) CHECK(packet.size <= mtu);

      Stream h265(Codec::hevc, mtu);
      const std::vector<Nal> other{hevc(32, 24), hevc(33, 40), hevc(34, 8), hevc(19, size + 1, 0x5a)};
      CHECK(depacketize(Codec::hevc, h265.packets(annex_b(other), true), kSsrc) == other);
    }
  }
}

TEST_CASE("Parameter sets travel together and ahead of their keyframe") {
  Stream stream(Codec::h264);
  const std::vector<Nal> sets{avc(7, 20), avc(8, 5)};
  stream.packetizer->set_extradata(annex_b(sets));
  const PacketBlock block = stream.packets(annex_b({avc(5, 5000)}), true);
  const auto units = depacketize(Codec::h264, block, kSsrc);
  REQUIRE(units.size() == 3);
  CHECK(units[0] == sets[0]);
  CHECK(units[1] == sets[1]);
  CHECK((block.packet(0)[kHeaderBytes] & 0x1f) == 24);  // one STAP-A
  CHECK(block.keyframe);

  const PacketBlock between = stream.packets(annex_b({avc(1, 50)}), false);
  CHECK(depacketize(Codec::h264, between, kSsrc).size() == 1);
}

TEST_CASE("New parameter sets in the stream are in force from then on") {
  Stream stream(Codec::h264);
  stream.packetizer->set_extradata(annex_b({avc(7, 20), avc(8, 5)}));
  const std::vector<Nal> fresh{avc(7, 21), avc(8, 6)};
  (void)stream.packets(annex_b({fresh[0], fresh[1], avc(5, 100)}), true);
  const auto extradata = stream.packetizer->extradata();
  CHECK(std::vector<std::uint8_t>(extradata.begin(), extradata.end()) == annex_b(fresh));
  // A picture parameter set alone does not take the sequence's away.
  (void)stream.packets(annex_b({avc(8, 7), avc(1, 100)}), false);
  CHECK(stream.packetizer->extradata().size() == annex_b(fresh).size());
}

TEST_CASE("Delimiters stay away, and what has no picture is not sent") {
  Stream stream(Codec::h264);
  const auto units = depacketize(Codec::h264, stream.packets(annex_b({avc(9, 2), avc(1, 50)}), false), kSsrc);
  REQUIRE(units.size() == 1);
  PacketBlock block;
  CHECK_FALSE(stream.packetizer->packetize(annex_b({avc(7, 20), avc(8, 5)}), true, 0, block));
  CHECK_FALSE(stream.packetizer->packetize({}, true, 0, block));
  const std::vector<std::uint8_t> garbage{1, 2, 3, 4};
  CHECK_FALSE(stream.packetizer->packetize(garbage, true, 0, block));
}

TEST_CASE("Runs hold packets of one length, the last one shorter") {
  Stream stream(Codec::h264);
  const PacketBlock block = stream.packets(annex_b({avc(7, 20), avc(8, 5), avc(5, 100'000)}), true);
  std::size_t covered = 0;
  for (const Run& run : block.runs) {
    CHECK(run.first == covered);
    CHECK(run.count <= 64);
    for (std::uint32_t i = run.first; i + 1 < run.first + run.count; ++i) {
      CHECK(block.packets[i].size == block.packets[run.first].size);
    }
    CHECK(block.packets[run.first + run.count - 1].size <= block.packets[run.first].size);
    covered += run.count;
  }
  CHECK(covered == block.packets.size());
  CHECK(block.runs.size() < 8);
}

TEST_CASE("Numbers go on over blocks and wrap") {
  Stream stream(Codec::h264);  // begins at 65530
  const PacketBlock first = stream.packets(annex_b({avc(5, 20'000)}), true);
  const PacketBlock second = stream.packets(annex_b({avc(1, 50)}), false);
  CHECK(first.first_seq == 65530);
  CHECK(second.first_seq == static_cast<std::uint16_t>(65530 + first.packets.size()));
}

TEST_CASE("Another channel is another prefix and nothing else") {
  Stream stream(Codec::h264);
  const PacketBlock block = stream.packets(annex_b({avc(5, 4000)}), true);
  CHECK(block.for_channel(0) == &block.bytes);
  const auto& other = *block.for_channel(6);
  CHECK(block.for_channel(6) == &other);
  REQUIRE(other.size() == block.bytes.size());
  std::size_t differences = 0;
  for (std::size_t i = 0; i < other.size(); ++i) differences += other[i] != block.bytes[i];
  CHECK(differences == block.packets.size());
  for (const Packet& packet : block.packets) CHECK(other[packet.offset - 3] == 6);
  // A few channels are shared; beyond them each makes its own.
  CHECK(block.for_channel(8) != nullptr);
  CHECK(block.for_channel(10) != nullptr);
  CHECK(block.for_channel(12) == nullptr);
  std::vector<std::uint8_t> own;
  block.copy_for_channel(6, own);
  CHECK(own == other);
}

TEST_CASE("The RTP clock runs at 90 kHz and does not overflow") {
  CHECK(ticks(1'000'000'000) == 90'000);
  CHECK(ticks(40'000'000) == 3'600);
  const std::int64_t year = 365LL * 86'400 * 1'000'000'000;
  CHECK(ticks(year + 1'000'000'000) - ticks(year) == 90'000);
}
