#include "catch.h"
#include "options.h"

using namespace camring::sseserve;

TEST_CASE("camera: a name, channels and their qualities") {
  const CameraSpec one = parse_camera("cam0,raw=cam0.high,annotated=cam0.ai.high");
  CHECK(one.name == "cam0");
  REQUIRE(one.channels[0].size() == 1);
  CHECK(one.channels[0][0].name == "default");
  CHECK(one.channels[0][0].ring == "cam0.high");
  CHECK(one.channels[1][0].ring == "cam0.ai.high");
  const CameraSpec many = parse_camera("cam1,raw.high=a,raw.low=b");
  REQUIRE(many.channels[0].size() == 2);
  CHECK(many.channels[0][1].name == "low");
  CHECK(many.channels[0][1].ring == "b");
  CHECK(many.channels[1].empty());
}

TEST_CASE("camera: what makes no sense is refused with its reason") {
  for (const char* text : {"", "cam0", "cam0,", "cam0,raw", "cam0,raw=", "cam0,blue=a", "cam0,raw=a,raw=b",
                           "cam0,raw.=a", "cam0,raw.x/y=a", "cam/0,raw=a", "cam0,raw=../a", ",raw=a"}) {
    CAPTURE(text);
    CHECK_THROWS_AS(parse_camera(text), std::invalid_argument);
  }
}
