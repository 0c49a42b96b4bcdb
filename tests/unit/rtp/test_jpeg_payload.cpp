#include <algorithm>

#include "av/image.h"
#include "av/jpeg.h"
#include "catch.h"
#include "rtp/bytes.h"
#include "rtp/jpeg_payload.h"
#include "rtp/packetizer.h"
#include "unit/av/pictures.h"

using namespace camring;
using namespace camring::rtp;

namespace {

std::vector<std::uint8_t> jpeg_of(PixelFormat pixels, Size size) {
  av::Image image;
  image.reshape(pixels, size, av::jpeg_colour());
  av::test::waves(image.span());
  av::JpegEncoder encoder(80);
  const auto bytes = encoder.encode(image.view());
  return {bytes.begin(), bytes.end()};
}

}  // namespace

TEST_CASE("A picture is told by type, size and tables, and its data is all there") {
  const auto jpeg = jpeg_of(PixelFormat::i420, {640, 476});
  const auto payload = parse_jpeg_payload(jpeg);
  REQUIRE(payload);
  CHECK(payload->type == 1);
  CHECK(payload->width_8 == 80);
  CHECK(payload->height_8 == 60);  // rounded up
  CHECK(payload->tables.size() == 128);
  CHECK(payload->extension.empty());
  CHECK(payload->scan.data() + payload->scan.size() + 2 == jpeg.data() + jpeg.size());
  CHECK(parse_jpeg_payload(jpeg_of(PixelFormat::i422, {640, 480}))->type == 0);
}

TEST_CASE("Packets carry the picture's data in order, each with its place") {
  const auto jpeg = jpeg_of(PixelFormat::i420, {1280, 720});
  PacketWriter writer(7, 0, 26, 1400);
  const auto packetizer = make_packetizer(Codec::mjpeg, writer);
  PacketBlock block;
  REQUIRE(packetizer->packetize(jpeg, true, 5, block));
  REQUIRE(block.packets.size() > 3);
  std::vector<std::uint8_t> data;
  for (std::size_t i = 0; i < block.packets.size(); ++i) {
    auto packet = block.packet(i);
    CHECK(packet.size() <= 1400);
    CHECK((packet[1] & 0x7f) == 26);
    packet = packet.subspan(kHeaderBytes);
    CHECK((get32(packet, 0) & 0xffffff) == data.size());
    CHECK(packet[5] == 255);
    packet = packet.subspan(data.empty() ? 8 + 4 + 128 : 8);
    data.insert(data.end(), packet.begin(), packet.end());
  }
  CHECK(std::ranges::equal(data, parse_jpeg_payload(jpeg)->scan));
  CHECK(block.packet(block.packets.size() - 1)[1] == (0x80 | 26));
}

TEST_CASE("Restart markers are said in the type and in each packet") {
  auto jpeg = jpeg_of(PixelFormat::i420, {640, 480});
  const std::uint8_t dri[] = {0xff, 0xdd, 0, 4, 0, 40};
  jpeg.insert(jpeg.begin() + 2, std::begin(dri), std::end(dri));
  const auto payload = parse_jpeg_payload(jpeg);
  REQUIRE(payload);
  CHECK(payload->type == 65);
  std::vector<std::uint8_t> header;
  write_jpeg_header(*payload, 1000, header);
  REQUIRE(header.size() == 12);
  CHECK(get16(header, 8) == 40);
  CHECK(get16(header, 10) == 0xffff);
}

TEST_CASE("Over 2040 pixels the size goes into the extension") {
  const auto payload = parse_jpeg_payload(jpeg_of(PixelFormat::i420, {2560, 64}));
  REQUIRE(payload);
  CHECK(payload->width_8 == 0);
  CHECK(payload->height_8 == 0);
  REQUIRE(payload->extension.size() >= 8);
  CHECK(get16(payload->extension, 0) == 0xffd8);
  CHECK(payload->extension.size() == 4 + 4u * get16(payload->extension, 2));
  CHECK(get16(payload->extension, 4) == 0xffc0);
  CHECK(get16(payload->extension, 9) == 64);
  CHECK(get16(payload->extension, 11) == 2560);
}

TEST_CASE("What RFC 2435 can't say is refused, and so is every cut") {
  CHECK_FALSE(parse_jpeg_payload(jpeg_of(PixelFormat::i444, {64, 48})));
  CHECK_FALSE(parse_jpeg_payload(jpeg_of(PixelFormat::gray8, {64, 48})));
  const auto jpeg = jpeg_of(PixelFormat::i420, {64, 48});
  for (std::size_t size = 0; size < jpeg.size(); ++size) {
    CHECK_FALSE(parse_jpeg_payload(std::span(jpeg).first(size)));
  }
  auto own_tables = jpeg;
  const std::uint8_t dht[] = {0xff, 0xc4};
  const auto at = std::search(own_tables.begin(), own_tables.end(), std::begin(dht), std::end(dht));
  REQUIRE(at != own_tables.end());
  std::swap(*(at + 21), *(at + 22));  // two values of a Huffman table
  CHECK_FALSE(parse_jpeg_payload(own_tables));
}
