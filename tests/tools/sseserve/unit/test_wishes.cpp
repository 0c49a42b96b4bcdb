#include <stdexcept>

#include "catch.h"
#include "wishes.h"

using namespace camring;
using namespace camring::sseserve;

namespace {

StreamWish wish_of(const std::string& target) {
  const auto parsed = net::parse_target(target);
  REQUIRE(parsed);
  const auto place = read_place(parsed->path);
  REQUIRE(place);
  return read_stream_wish(*place, *parsed);
}

}  // namespace

TEST_CASE("place: a camera and what of it") {
  const auto place = read_place("/streams/fmp4/cam0/raw");
  REQUIRE(place);
  CHECK(place->plain);
  CHECK(place->camera == "cam0");
  CHECK(place->what == "raw");
  CHECK(read_place("/streams/sse/cam0/a/b")->what == "a/b");
  CHECK(read_place("/streams/sse/")->camera.empty());
  CHECK_FALSE(read_place("/streams/sse"));
  CHECK_FALSE(read_place("/streams/other/cam0/raw"));
}

TEST_CASE("stream: each channel's quality, and the one that is meant without a channel") {
  const StreamWish wish =
      wish_of("/streams/sse/cam0/dual?initial_channel=annotated&raw_quality=high&annotated_quality=low");
  CHECK(wish.channel == Channel::annotated);
  CHECK(wish.quality_of(Channel::annotated) == "low");
  CHECK(wish.quality_of(Channel::raw) == "high");
  CHECK(wish_of("/streams/sse/cam0/raw?quality=mid").quality_of(Channel::raw) == "mid");
  CHECK(wish_of("/streams/sse/cam0/dual?quality=&_=123").quality_of(Channel::raw).empty());
  CHECK_FALSE(wish_of("/streams/sse/cam0/dual").channel);
}

TEST_CASE("stream: what can't be so is refused by its name") {
  const std::string sse = "/streams/sse/cam0/", long_name(65, 'a');
  for (const std::string& target :
       {sse + "dual?initial_channel=blue", sse + "dual?initial_channel=raw%20", sse + "raw?quality=a%2fb",
        sse + "raw?quality=%ff", sse + "raw?quality=" + long_name, sse + "raw?connection_id=" + long_name,
        sse + "raw?format=avi", sse + "raw?format=FMP4", sse + "raw?quality=a&quality=b",
        sse + "raw?quality=a&quality=", sse + "raw?codecs=" + std::string(300, 'a'),
        sse + "raw?annotated_quality=a%20b", sse + "raw?initial_channel=annotated",
        std::string("/streams/fmp4/cam0/raw?format=jpeg")}) {
    CAPTURE(target);
    CHECK_THROWS_AS(wish_of(target), std::invalid_argument);
  }
}

TEST_CASE("codecs: whole names alone count") {
  CHECK(plays("", true));
  CHECK(plays("avc1,hvc1", true));
  CHECK(plays("hvc1.1.6.L93.B0, avc1.42c01f", false));
  CHECK_FALSE(plays("avc1", true));
  CHECK_FALSE(plays("xavc1,avc10", false));
  CHECK_FALSE(plays(",", false));
}

TEST_CASE("bodies: objects of texts, each name once") {
  CHECK(read_subscribe("").channel == Channel::raw);
  CHECK(read_subscribe(R"({"channel":"annotated","quality":null})").channel == Channel::annotated);
  const SwitchWish wish = read_switch(R"({"connection_id":"ab","new_channel":"raw","quality":"low"})");
  CHECK(wish.connection_id == "ab");
  CHECK(wish.channel == Channel::raw);
  CHECK(wish.quality == "low");
  CHECK(read_token_renewal(R"({"connection_id":"ab","more":"x"})") == "ab");
  using namespace std::string_literals;
  for (const std::string& body :
       {""s, "{"s, "[]"s, "null"s, "5"s, "{}"s, "\xff"s, std::string(60000, '['),
        R"({"connection_id":5,"new_channel":"raw"})"s,
        R"({"connection_id":"a","connection_id":"b","quality":"q"})"s, R"({"connection_id":"a"})"s,
        R"({"connection_id":"a","new_channel":""})"s, R"({"connection_id":"a","quality":{}})"s,
        R"({"connection_id":"a","quality":["q"]})"s, R"({"connection_id":"a\u0000","quality":"q"})"s,
        "{\"connection_id\":\"a\",\"quality\":\"\xff\"}"s,
        R"({"connection_id":"a","quality":"q","other":1})"s, "{\"connection_id\":\"a\",\"quality\":\"q\"}\0"s,
        "{\"connection_id\":\"" + std::string(65, 'a') + "\",\"quality\":\"q\"}"}) {
    CAPTURE(body.substr(0, 80));
    CHECK_THROWS_AS(read_switch(body), std::invalid_argument);
  }
  CHECK_THROWS_AS(read_subscribe(R"({"channel":"blue"})"), std::invalid_argument);
  CHECK_THROWS_AS(read_subscribe("[]"), std::invalid_argument);
}

TEST_CASE("event ids: of this channel alone, whole numbers alone") {
  const EventMark mark{1234567890123, 4711};
  CHECK(read_event_id("cam0-raw-" + event_id_end(mark), "cam0-raw-") == mark);
  CHECK(read_event_id("cam0-raw-9223372036854775807-18446744073709551615", "cam0-raw-") ==
        EventMark{INT64_MAX, UINT64_MAX});
  for (const char* id :
       {"", "5", "5-6", "cam0-raw-", "cam0-raw-5", "cam0-raw-5-", "cam0-raw--5", "cam0-raw-5--6",
        "cam0-annotated-5-6", "cam0-raw-5-6x", "cam0-raw-5x-6", "cam0-raw- 5-6", "cam0-raw-+5-6",
        "cam0-raw-9223372036854775808-1", "cam0-raw-1-18446744073709551616", "cam0-raw-1-2-3"}) {
    CAPTURE(id);
    CHECK_FALSE(read_event_id(id, "cam0-raw-"));
  }
}

TEST_CASE("token: what was said for this request goes before a cookie") {
  net::Request request;
  CHECK(read_token(request).empty());
  request.headers = {{"cookie", "a=b; camring_token=old; c=d"}};
  CHECK(read_token(request) == "old");
  request.target.query = {{"access_token", "new"}};
  CHECK(read_token(request) == "new");
  request.headers.emplace_back("authorization", "BEARER  newest");
  CHECK(read_token(request) == "newest");
  request.headers.back().second = "Basic YTpi";
  CHECK(read_token(request) == "new");
}
