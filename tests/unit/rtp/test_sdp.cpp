#include "catch.h"
#include "rtp/sdp.h"

using namespace camring;
using namespace camring::rtp;

TEST_CASE("A description says codec, parameter sets, size and rate") {
  FrameFormat format = coded_format(Codec::h264, {1280, 720}, {30000, 1001});
  const std::vector<std::uint8_t> sets{0, 0, 0, 1, 0x67, 0x42, 0xc0, 0x1f, 0xaa, 0, 0, 0, 1, 0x68, 0xce};
  const std::string sdp = make_sdp(format, sets, {"cam0", "127.0.0.1", 5, 2, {}, 0, 0, {}});
  CHECK(sdp.find("v=0\r\no=- 5 2 IN IP4 127.0.0.1\r\ns=cam0\r\nc=IN IP4 0.0.0.0\r\n") == 0);
  CHECK(sdp.find("m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n") != std::string::npos);
  CHECK(sdp.find("packetization-mode=1;profile-level-id=42C01F;sprop-parameter-sets=Z0LAH6o=,aM4=\r\n") !=
        std::string::npos);
  CHECK(sdp.find("a=framerate:29.970\r\n") != std::string::npos);
  CHECK(sdp.find("a=control:trackID=0\r\n") != std::string::npos);
}

TEST_CASE("HEVC and JPEG have their own words") {
  const std::vector<std::uint8_t> sets{0,    0, 0, 1, 0x40, 1, 9, 0,    0, 0, 1,
                                       0x42, 1, 8, 0, 0,    0, 1, 0x44, 1, 7};
  const std::string hevc =
      make_sdp(coded_format(Codec::hevc, {64, 64}), sets, {"x", "::1", 1, 1, {}, 0, 0, {}});
  CHECK(hevc.find("a=rtpmap:96 H265/90000") != std::string::npos);
  CHECK(hevc.find("sprop-vps=QAEJ;sprop-sps=QgEI;sprop-pps=RAEH") != std::string::npos);
  CHECK(hevc.find("IN IP6 ::1") != std::string::npos);
  const std::string jpeg =
      make_sdp(coded_format(Codec::mjpeg, {2560, 1440}), {}, {"x", "10.0.0.1", 1, 1, {}, 0, 0, {}});
  CHECK(jpeg.find("m=video 0 RTP/AVP 26\r\na=rtpmap:26 JPEG/90000\r\n") != std::string::npos);
  CHECK(jpeg.find("a=x-dimensions:2560,1440\r\n") != std::string::npos);
}

TEST_CASE("Multicast and SRTP change address and profile") {
  const FrameFormat format = coded_format(Codec::mjpeg, {64, 64});
  const std::string group = make_sdp(format, {}, {"x", "10.0.0.1", 1, 1, "239.1.2.3", 5000, 16, {}});
  CHECK(group.find("c=IN IP4 239.1.2.3/16\r\n") != std::string::npos);
  CHECK(group.find("m=video 5000 RTP/AVP") != std::string::npos);
  const std::string secure = make_sdp(format, {}, {"x", "10.0.0.1", 1, 1, {}, 0, 0, "1 A inline:B"});
  CHECK(secure.find("RTP/SAVP 26") != std::string::npos);
  CHECK(secure.find("a=crypto:1 A inline:B\r\n") != std::string::npos);
}
