#include "catch.h"
#include "net/http.h"

using namespace camring::net;

TEST_CASE("a request target is taken apart, escapes and all") {
  const auto target = parse_target("/a%20b/stream?fps=5&x=%2B+1&empty=&flag");
  REQUIRE(target);
  CHECK(target->path == "/a b/stream");
  CHECK(target->get("fps") == "5");
  CHECK(target->get("x") == "+ 1");
  CHECK(target->get("empty") == "");
  CHECK(target->get("flag") == "");
  CHECK_FALSE(target->get("absent"));
  CHECK(parse_target("/")->path == "/");
  CHECK(parse_target("/?a=1&a=2")->get("a") == "1");
}

TEST_CASE("targets with bad escapes, control characters or no slash are refused") {
  for (const char* bad :
       {"", "x", "*", "http://host/", "/%", "/%4", "/%zz", "/%00", "/%0a", "/?%01=1", "/?a=%0d%0a"}) {
    INFO(bad);
    CHECK_FALSE(parse_target(bad));
  }
  std::string many = "/?";
  for (int i = 0; i < 100; ++i) many += "a=1&";
  CHECK_FALSE(parse_target(many));
}

TEST_CASE("a Basic header gives name and password") {
  const auto good = parse_basic("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");  // RFC 7617, section 2
  REQUIRE(good);
  CHECK(good->first == "Aladdin");
  CHECK(good->second == "open sesame");
  CHECK(parse_basic("bASIC YTpi")->second == "b");
  CHECK(parse_basic("Basic YTpiOmM=")->second == "b:c");
  for (const char* bad :
       {"", "Basic", "Basic ", "Bearer YTpi", "Basic !!!", "Basic YQ==", "Basic OmI=", "Basic YT\npi"}) {
    INFO(bad);
    CHECK_FALSE(parse_basic(bad));
  }
  CHECK_FALSE(parse_basic("Basic " + std::string(2000, 'A')));
}

TEST_CASE("a problem is RFC 9457 JSON, whatever its detail holds") {
  const Response response = problem(404, "no \"such\" ring\n", {{"Retry-After", "2"}});
  CHECK(response.status == 404);
  CHECK(response.content_type == "application/problem+json");
  CHECK(response.body.find(R"("detail":"no \"such\" ring\n")") != std::string::npos);
  CHECK(response.body.find(R"("title":"Not Found")") != std::string::npos);
  CHECK_NOTHROW(problem(400, "\xff\xfe"));
}
