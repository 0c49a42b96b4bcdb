#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <stdexcept>

#include "base/error.h"
#include "catch.h"
#include "net/listen.h"

using namespace camring;
using namespace camring::net;

TEST_CASE("places to listen at are understood") {
  CHECK(parse_listen("8080").host == "127.0.0.1");
  CHECK(parse_listen("8080").port == 8080);
  CHECK(parse_listen("0.0.0.0:80").host == "0.0.0.0");
  CHECK(parse_listen("[::1]:80").host == "::1");
  CHECK(parse_listen("*:80").host == "*");
  CHECK(parse_listen("localhost:80").host == "127.0.0.1");
  CHECK(parse_listen("unix:/run/x").path == "/run/x");
  for (const char* bad :
       {"", "x", "65536", "-1", "1:2:3", "::1:80", "host:", "unix:", "unix:relative", "80x"}) {
    INFO(bad);
    CHECK_THROWS_AS(parse_listen(bad), std::invalid_argument);
  }
}

TEST_CASE("port 0 picks a free one and says which; a port in use is refused") {
  const ListeningSocket first = listen_at(parse_listen("0"), false);
  CHECK(first.loopback);
  CHECK(first.url.rfind("http://127.0.0.1:", 0) == 0);
  const std::string port = first.url.substr(first.url.rfind(':') + 1);
  CHECK(port != "0");
  try {
    (void)listen_at(parse_listen(port), false);
    FAIL("two listeners on one port");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::system);
    CHECK(std::string(error.what()).find("--listen 0") != std::string::npos);
  }
  CHECK_FALSE(listen_at(parse_listen("0.0.0.0:0"), true).loopback);
  CHECK_THROWS_AS(listen_at(parse_listen("no-address:80"), false), Error);
}

TEST_CASE("a unix socket left by a dead process is replaced, one in use is not") {
  const std::string path = "/tmp/camring-listen-" + std::to_string(::getpid());
  {
    const ListeningSocket first = listen_at(parse_listen("unix:" + path), false);
    CHECK_THROWS_AS(listen_at(parse_listen("unix:" + path), false), Error);
  }
  CHECK_NOTHROW(listen_at(parse_listen("unix:" + path), false));
  ::unlink(path.c_str());
}

TEST_CASE("what does not listen can't be adopted") {
  CHECK_THROWS_AS(adopt_listener(UniqueFd(::socket(AF_INET, SOCK_STREAM, 0)), false), Error);
}
