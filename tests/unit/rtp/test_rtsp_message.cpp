#include "catch.h"
#include "rtp/rtsp_message.h"
#include "rtp/transport.h"

using namespace camring::rtp;
using Result = RtspParser::Result;

namespace {

std::span<const std::uint8_t> bytes(std::string_view text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

TEST_CASE("A request is read, whole or byte by byte") {
  const std::string text =
      "SETUP rtsp://host/cam0/trackID=0 RTSP/1.0\r\nCSeq: 3\r\nTransport: RTP/AVP;unicast;\r\n "
      "client_port=5000-5001\r\n"
      "Content-Length: 4\r\n\r\nbody";
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, text.size()}) {
    RtspParser parser;
    Result result = Result::more;
    for (std::size_t at = 0; at < text.size(); at += step) {
      REQUIRE(result == Result::more);
      parser.feed(bytes(std::string_view(text).substr(at, step)));
      result = parser.next();
    }
    REQUIRE(result == Result::message);
    CHECK(parser.message().method == "SETUP");
    CHECK(parser.message().url == "rtsp://host/cam0/trackID=0");
    CHECK(parser.message().cseq() == 3u);
    CHECK(parser.message().header("transport") == "RTP/AVP;unicast; client_port=5000-5001");
    CHECK(parser.message().body == "body");
    CHECK(parser.next() == Result::more);
  }
}

TEST_CASE("Interleaved frames stand between requests") {
  RtspParser parser;
  parser.feed(
      bytes(std::string("$\x01\x00\x03"
                        "abc",
                        7)));
  parser.feed(bytes("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
  REQUIRE(parser.next() == Result::frame);
  CHECK(parser.frame().channel == 1);
  CHECK(std::string(parser.frame().payload.begin(), parser.frame().payload.end()) == "abc");
  REQUIRE(parser.next() == Result::message);
  CHECK(parser.message().method == "OPTIONS");
}

TEST_CASE("An answer is read as well") {
  RtspParser parser;
  parser.feed(bytes("RTSP/1.0 401 Unauthorized\r\nCSeq: 1\r\nWWW-Authenticate: Basic realm=\"x\"\r\n\r\n"));
  REQUIRE(parser.next() == Result::message);
  CHECK(parser.message().status == 401);
  CHECK(parser.message().header("www-authenticate") == "Basic realm=\"x\"");
}

TEST_CASE("What is no RTSP is refused, and nothing is read after it") {
  const std::pair<std::string, int> cases[] = {
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"garbage\r\n\r\n", 400},
      {"OPTIONS *\r\n\r\n", 400},
      {"OPTIONS * RTSP/2.0\r\nCSeq: 1\r\n\r\n", 505},
      {"OPTIONS * RTSP/1.0\r\nno colon\r\n\r\n", 400},
      {"OPTIONS * RTSP/1.0\r\nbad name: x\r\n\r\n", 400},
      {"OPTIONS * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", 400},
      {"OPTIONS * RTSP/1.0\r\nContent-Length: 99999999\r\n\r\n", 413},
      {std::string(9000, 'A'), 400},
      {"OPTIONS * RTSP/1.0\r\nX: " + std::string(9000, 'A') + "\r\n\r\n", 400},
  };
  for (const auto& [text, status] : cases) {
    CAPTURE(text.substr(0, 40));
    RtspParser parser;
    parser.feed(bytes(text));
    REQUIRE(parser.next() == Result::bad);
    CHECK(parser.error_status() == status);
    parser.feed(bytes("OPTIONS * RTSP/1.0\r\nCSeq: 1\r\n\r\n"));
    CHECK(parser.next() == Result::bad);
  }
}

TEST_CASE("URLs give the path, decoded, and nothing that could mislead") {
  CHECK(parse_rtsp_url("rtsp://h:8554/cam0/trackID=0?x=1")->path == "/cam0/trackID=0");
  CHECK(parse_rtsp_url("rtsp://h:8554/cam0?x=1")->query == "x=1");
  CHECK(parse_rtsp_url("RTSPS://user:pw@h/c%61m0")->path == "/cam0");
  CHECK(parse_rtsp_url("rtsp://h")->path == "/");
  CHECK(parse_rtsp_url("*")->path.empty());
  CHECK_FALSE(parse_rtsp_url("http://h/cam0"));
  CHECK_FALSE(parse_rtsp_url("rtsp://h/%zz"));
  CHECK_FALSE(parse_rtsp_url("rtsp://h/%00"));
  CHECK_FALSE(parse_rtsp_url(""));
  for (const char* bare : {"rtsp", "rtsps", "rtspu", "rtsp:", "rtsps:/"}) CHECK_FALSE(parse_rtsp_url(bare));
}

TEST_CASE("Transport headers: what clients send") {
  const auto udp = parse_transport("RTP/AVP;unicast;client_port=5000-5001");
  REQUIRE(udp.size() == 1);
  CHECK(udp[0].kind == Transport::Kind::udp);
  CHECK(udp[0].rtp_port == 5000);
  CHECK(udp[0].rtcp_port == 5001);

  const auto tcp = parse_transport("RTP/AVP/TCP;unicast;interleaved=2-3;mode=\"PLAY\"");
  REQUIRE(tcp.size() == 1);
  CHECK(tcp[0].kind == Transport::Kind::tcp);
  CHECK(tcp[0].channel == 2);

  const auto several = parse_transport(
      "RTP/SAVP;unicast;client_port=6000-6001,RTP/AVP;multicast,x/y,RTP/AVP/TCP;interleaved=0-1");
  REQUIRE(several.size() == 3);
  CHECK(several[0].secure);
  CHECK(several[1].kind == Transport::Kind::multicast);
  CHECK(several[2].kind == Transport::Kind::tcp);

  CHECK(parse_transport("RTP/AVP;unicast;destination=10.1.2.3;client_port=5000")[0].destination ==
        "10.1.2.3");
  CHECK(parse_transport("RTP/AVP/TCP;mode=record")[0].record);
  CHECK(parse_transport("").empty());
  CHECK(parse_transport("RTP/AVP;client_port=99999-1").empty());
  CHECK(parse_transport("RTP/AVP/TCP;interleaved=255-256").empty());
  CHECK(parse_transport("RTP/AVP/TCP;interleaved=0-5").empty());
  CHECK(parse_transport(",,,;;;=,=").empty());
}
