#include "catch.h"
#include "rtp/bytes.h"
#include "rtp/rtcp.h"

using namespace camring::rtp;

TEST_CASE("A sender report says what RFC 3550 wants, in whole words") {
  const SenderReport report{0xabcdef01, 1'700'000'000'500'000'000, 1234, 10, 20};
  const auto packet = sender_report(report, "camring-cam0", true);
  REQUIRE(packet.size() % 4 == 0);
  CHECK(packet[0] == 0x80);
  CHECK(packet[1] == 200);
  CHECK(get16(packet, 2) == 6);
  CHECK(get32(packet, 4) == 0xabcdef01);
  CHECK(get32(packet, 8) == 1'700'000'000u + 2'208'988'800u);
  CHECK(get32(packet, 12) == 0x80000000u);  // half a second
  CHECK(get32(packet, 16) == 1234);
  CHECK(get32(packet, 20) == 10);
  CHECK(get32(packet, 24) == 20);
  CHECK(packet[29] == 202);
  const std::size_t bye = 28 + 4 * (get16(packet, 30) + 1u);
  CHECK(packet[bye + 1] == 203);
  CHECK(bye + 8 == packet.size());
}

TEST_CASE("A name of any length keeps the packet whole") {
  for (std::size_t size = 0; size < 300; ++size) {
    const auto packet = sender_report({1, 0, 0, 0, 0}, std::string(size, 'x'));
    REQUIRE(packet.size() % 4 == 0);
    REQUIRE(28 + 4 * (get16(packet, 30) + 1u) == packet.size());
    REQUIRE(packet.back() == 0);  // the list ends
  }
}

TEST_CASE("A receiver's report is read, loss signed") {
  std::vector<std::uint8_t> packet{0x81, 201, 0, 7};
  put32(packet, 99);
  put32(packet, 0xabcdef01);
  put32(packet, 0x40ffffffu);  // a quarter lost since; -1 in all
  put32(packet, 70'000);
  put32(packet, 900);
  put32(packet, 0x11112222);
  put32(packet, 0x00008000);
  const auto found = parse_rtcp(packet, 0xabcdef01);
  REQUIRE(found);
  REQUIRE(found->report);
  CHECK(found->report->fraction_lost == 0x40);
  CHECK(found->report->lost == -1);
  CHECK(found->report->highest_seq == 70'000);
  CHECK(found->report->jitter == 900);
  CHECK_FALSE(found->bye);
  CHECK_FALSE(parse_rtcp(packet, 1)->report);  // about another stream
  for (std::size_t size = 0; size < packet.size(); ++size) {
    CHECK_FALSE(parse_rtcp(std::span(packet).first(size), 0xabcdef01));
  }
}

TEST_CASE("A round trip is the time since the report less the time that the receiver kept it") {
  const std::int64_t sent = 1'700'000'000'000'000'000;
  ReceptionReport report;
  report.last_sr = static_cast<std::uint32_t>(ntp_time(sent) >> 16);
  report.delay_since_sr = 65536;  // one second
  const auto trip = round_trip_seconds(report, sent + 1'250'000'000);
  REQUIRE(trip);
  CHECK(*trip == Approx(0.25).margin(0.001));
  CHECK(*round_trip_seconds(report, sent) == 0);
  CHECK_FALSE(round_trip_seconds({}, sent));
}
