#include <unistd.h>

#include <cstdio>
#include <fstream>

#include "base/error.h"
#include "catch.h"
#include "url.h"

using namespace camring;
using namespace camring::camcap;

TEST_CASE("url: passwords are masked, all else stays") {
  CHECK(mask_url("rtsp://user:secret@host/stream") == "rtsp://user:***@host/stream");
  CHECK(mask_url("rtsp://user:se@cr:et@host:554/x") == "rtsp://user:***@host:554/x");
  CHECK(mask_url("rtsp://user@host/stream") == "rtsp://user@host/stream");
  CHECK(mask_url("http://host:8080/a@b") == "http://host:8080/a@b");
  CHECK(mask_url("http://host/a:b@c") == "http://host/a:b@c");
  CHECK(mask_url("no url at all: x@y") == "no url at all: x@y");
  CHECK(mask_url("open rtsp://a:b@c/ and http://d:e@f/ failed") ==
        "open rtsp://a:***@c/ and http://d:***@f/ failed");
  CHECK(mask_url("") == "");
  CHECK(mask_url("://") == "://");
}

TEST_CASE("url: a slash in a password does not show its rest") {
  CHECK(mask_url("rtsp://user:se/cret@host/x").find("cret") == std::string::npos);
}

TEST_CASE("url: passwords in parameters are masked") {
  CHECK(mask_url("http://cam/video?user=admin&password=secret&ch=1") ==
        "http://cam/video?user=admin&password=***&ch=1");
  CHECK(mask_url("http://cam/video?pwd=secret") == "http://cam/video?pwd=***");
  CHECK(mask_url("http://cam/compass=north") == "http://cam/compass=north");
}

TEST_CASE("url: credentials take the place of the URL's own and are encoded") {
  const Credentials login{"ad min", "p@ss/w:rd%"};
  CHECK(with_credentials("rtsp://host/x", login) == "rtsp://ad%20min:p%40ss%2Fw%3Ard%25@host/x");
  CHECK(with_credentials("rtsp://old:older@host:1/x", login) ==
        "rtsp://ad%20min:p%40ss%2Fw%3Ard%25@host:1/x");
}

TEST_CASE("url: credentials are the first line of a file") {
  char path[] = "/tmp/camring-test-XXXXXX";
  const int fd = ::mkstemp(path);
  REQUIRE(fd >= 0);
  ::close(fd);
  const auto write = [&](const char* text) { std::ofstream(path) << text; };
  write("admin:a:b c\r\nmore\n");
  const Credentials login = read_credentials(path);
  CHECK(login.user == "admin");
  CHECK(login.password == "a:b c");
  for (const char* bad : {"", "nothing", ":password\n"}) {
    write(bad);
    CHECK_THROWS_AS(read_credentials(path), Error);
  }
  std::remove(path);
  CHECK_THROWS_AS(read_credentials(path), Error);
}
