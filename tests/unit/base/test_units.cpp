#include <stdexcept>

#include "base/units.h"
#include "catch.h"

using namespace camring;
using namespace std::chrono_literals;

TEST_CASE("a duration needs a unit, but zero does not") {
  CHECK(parse_duration("200ms") == 200ms);
  CHECK(parse_duration("1.5s") == 1500ms);
  CHECK(parse_duration("2m") == 2min);
  CHECK(parse_duration("24h") == 24h);
  CHECK(parse_duration("0") == 0ns);
  for (const char* bad :
       {"", "5", "-1s", "1 s", "s", "1.2.3s", "nan s", "infs", "1e30h", "99999999999h", "10sec"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_duration(bad), std::invalid_argument);
  }
  CHECK_THROWS_WITH(parse_duration("5"), Catch::Matchers::Contains("200ms"));
}

TEST_CASE("a frame size has two sides of 1 to 16384 pixels") {
  CHECK(parse_size("1280x720") == Size{1280, 720});
  CHECK(parse_size("1x16384") == Size{1, 16384});
  for (const char* bad : {"", "1280", "1280x", "x720", "0x0", "1280x0", "16385x1", "-1x1", "1280X720",
                          "1280x720p", "1280x720x3", " 1x1", "99999999999999999999x1"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_size(bad), std::invalid_argument);
  }
}

TEST_CASE("a frame rate keeps NTSC rates exact") {
  CHECK(parse_rate("30") == Rate{30, 1});
  CHECK(parse_rate("29.97") == Rate{30000, 1001});
  CHECK(parse_rate("23.976") == Rate{24000, 1001});
  CHECK(parse_rate("59.94") == Rate{60000, 1001});
  CHECK(parse_rate("12.5") == Rate{25, 2});
  CHECK(parse_rate("0.5") == Rate{1, 2});
  CHECK(parse_rate("30000/1001") == Rate{30000, 1001});
  CHECK(parse_rate("50/2") == Rate{25, 1});
  for (const char* bad : {"", "0", "-5", "1001", "30fps", "1/0", "0/1", "a", "30/", "/1", "0.0001"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_rate(bad), std::invalid_argument);
  }
}

TEST_CASE("bit rates and bytes need a unit") {
  CHECK(parse_bitrate("4M") == 4'000'000);
  CHECK(parse_bitrate("500k") == 500'000);
  CHECK(parse_bitrate("1.5M") == 1'500'000);
  CHECK(parse_bytes("64k") == 65536);
  CHECK(parse_bytes("16MiB") == 16u * 1024 * 1024);
  CHECK(parse_bytes("1MB") == 1'000'000);
  CHECK_THROWS_AS(parse_bitrate("4000000"), std::invalid_argument);
  CHECK_THROWS_AS(parse_bytes("4096"), std::invalid_argument);
  CHECK_THROWS_AS(parse_bytes("1X"), std::invalid_argument);
}

TEST_CASE("a whole number is nothing but digits within its bounds") {
  CHECK(parse_int("42", 0, 100) == 42);
  CHECK(parse_int("-5", -10, 0) == -5);
  for (const char* bad : {"", "101", "-1", "4.2", "4x", " 4", "99999999999999999999"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_int(bad, 0, 100), std::invalid_argument);
  }
}

TEST_CASE("values print as they are written") {
  CHECK(to_string(Size{640, 480}) == "640x480");
  CHECK(to_string(Rate{30000, 1001}) == "29.97");
  CHECK(to_string(Rate{30, 1}) == "30");
  CHECK(duration_text(1500ms) == "1.5s");
  CHECK(duration_text(200ms) == "200ms");
  CHECK(bytes_text(512) == "512 B");
  CHECK(bytes_text(107'000'000) == "107 MB");
  CHECK(Rate{30, 1}.period() == 33333333ns);
  CHECK(Rate{}.period() == 0ns);
}
