#include "fragmenter.h"

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "av/convert.h"
#include "av/video_encoder.h"
#include "catch.h"

using namespace camring;
using namespace camring::sseserve;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kFrameNs = 40'000'000;
constexpr std::int64_t kStartNs = 1'000'000'000;

FrameFormat video(Size size) {
  FrameFormat format;
  format.codec = Codec::h264;
  format.size = size;
  format.rate = {25, 1};
  return format;
}

// Frames of grey that gets brighter, a keyframe every `group` of them.
std::vector<RingFrame> encode(int count, int group, Size size = {64, 48}) {
  av::VideoOrder order;
  order.codec = Codec::h264;
  order.size = size;
  order.rate = {25, 1};
  std::vector<const av::EncoderKind*> passed_over;
  const auto encoder = av::open_encoder("x264", order, passed_over);
  av::Image picture;
  picture.reshape(encoder->input(), size, {});
  std::vector<RingFrame> frames;
  for (int i = 0; i < count; ++i) {
    for (int plane = 0; plane < 3; ++plane) {
      const std::size_t rows = plane == 0 ? size.height : size.height / 2;
      std::memset(picture.span().data[plane], 30 + i,
                  rows * static_cast<std::size_t>(picture.span().stride_bytes[plane]));
    }
    REQUIRE(encoder->push(picture.view(), i, i % group == 0));
    av::EncodedUnit unit;
    REQUIRE(encoder->pull(unit));
    RingFrame frame;
    frame.bytes.assign(unit.bytes.begin(), unit.bytes.end());
    frame.info.number = frame.info.source_number = static_cast<std::uint64_t>(i);
    frame.info.flags = unit.keyframe ? frame_flag::keyframe : 0;
    frame.info.source_capture_ns = kStartNs + i * kFrameNs;
    frame.info.publish_ns = frame.info.source_capture_ns + 1'000'000;
    frames.push_back(std::move(frame));
  }
  return frames;
}

struct Bench {
  app::Metrics metrics{"test"};
  app::Counter& unfit = metrics.counter("unfit_total", "");
  app::Counter& late = metrics.counter("late_total", "");
  std::vector<std::shared_ptr<Unit>> units;
  Fragmenter fragmenter;
  explicit Bench(std::chrono::nanoseconds fragment_time = 0ns)
      : fragmenter({Channel::raw, "low", "ring-raw-", fragment_time,
                    [this](std::shared_ptr<Unit> unit) { units.push_back(std::move(unit)); }},
                   unfit, late) {}
  void take(const std::vector<RingFrame>& frames) {
    for (const RingFrame& frame : frames) fragmenter.take(frame);
  }
};

std::string event_of(const Unit& unit) {
  const auto& bytes = *unit.event->body;
  return {bytes.begin(), bytes.end()};
}

bool has(const Unit& unit, const std::string& part) { return event_of(unit).find(part) != std::string::npos; }

// What a unit's event says of it.
nlohmann::json about(const Unit& unit) {
  const std::string event = event_of(unit);
  const std::size_t from = event.find("data: {") + 6;
  return nlohmann::json::parse(event.substr(from, event.find('\n', from) - from));
}

}  // namespace

TEST_CASE("fragmenter: a fragment a frame, from the first keyframe on, with its number and its time") {
  Bench bench;
  auto frames = encode(12, 5);
  frames.erase(frames.begin(), frames.begin() + 3);  // 3 and 4 have no keyframe before them
  bench.fragmenter.begin(video({64, 48}));
  CHECK(bench.fragmenter.mime().empty());
  bench.take(frames);
  CHECK(bench.unfit.value() == 2);
  CHECK(bench.fragmenter.mime().starts_with("video/mp4; codecs=\"avc1."));
  CHECK(bench.fragmenter.format().size == Size{64, 48});
  CHECK(bench.fragmenter.period_ns() == kFrameNs);
  REQUIRE(bench.units.size() == 7);
  for (std::size_t i = 0; i < bench.units.size(); ++i) {
    const Unit& unit = *bench.units[i];
    CHECK(unit.sequence == i);
    CHECK(unit.source_number == i + 5);
    CHECK(unit.key == (i % 5 == 0));
    CHECK(unit.init == bench.units[0]->init);
    CHECK(unit.mark == EventMark{frames[i + 2].info.publish_ns, i + 5});
    CHECK(has(unit, "event: fragment\n"));
    const auto json = about(unit);
    CHECK(json.size() == 8);
    CHECK(json["channel"] == "raw");
    CHECK(json["quality"] == "low");
    CHECK(json["seq"] == i);
    CHECK(json["number"] == i + 5);
    CHECK(json["key"] == unit.key);
    CHECK(json["time"].get<double>() == Approx(1 + static_cast<double>(i + 5) * 0.04).epsilon(1e-12));
    CHECK(json["capture"].get<double>() == Approx(1000 + static_cast<double>(i + 5) * 40).epsilon(1e-12));
    CHECK(json["duration"].get<double>() == Approx(40).epsilon(1e-12));
  }
  CHECK(bench.units[0]->init->bytes != nullptr);
}

TEST_CASE("fragmenter: times are told to the microsecond, before 1970 as well") {
  for (const std::int64_t wall_ns :
       {std::int64_t{0}, std::int64_t{-3'000'000'000'000'000'123}, std::int64_t{1'790'000'000'123'456'789}}) {
    Bench bench;
    bench.fragmenter.begin(video({64, 48}));
    auto frames = encode(1, 5);
    frames[0].info.source_capture_ns = 1'000'001'499;
    frames[0].wall_offset_ns = wall_ns;
    bench.take(frames);
    REQUIRE(bench.units.size() == 1);
    const auto json = about(*bench.units[0]);
    const double expected = static_cast<double>(wall_ns + 1'000'001'499) * 1e-6;
    CHECK(std::abs(json["capture"].get<double>() - expected) < 0.001);
    CHECK(std::abs(json["time"].get<double>() - 1.000001499) < 1.0 / 90'000);
  }
}

TEST_CASE("fragmenter: fragments last as they should, and end at keyframes") {
  Bench bench(120ms);
  bench.fragmenter.begin(video({64, 48}));
  bench.take(encode(10, 5));
  // 0 1 2, 3 4, 5 6 7; 8 9 have begun.
  REQUIRE(bench.units.size() == 3);
  CHECK(bench.units[1]->source_number == 3);
  CHECK_FALSE(bench.units[1]->key);
  CHECK(bench.units[0]->complete_ns == kStartNs + 2 * kFrameNs + 1'000'000);
  CHECK(bench.units[1]->complete_ns == kStartNs + 4 * kFrameNs + 1'000'000);
  CHECK(bench.units[0]->available_ns > bench.units[0]->complete_ns);
  CHECK(about(*bench.units[0])["duration"] == 120);
  CHECK(about(*bench.units[1])["duration"] == 80);
  CHECK_FALSE(bench.fragmenter.empty());
  bench.fragmenter.flush();
  CHECK(bench.fragmenter.empty());
  REQUIRE(bench.units.size() == 4);
  CHECK(bench.units[3]->source_number == 8);
}

TEST_CASE("fragmenter: after a loss nothing goes out before a keyframe") {
  Bench bench;
  const auto frames = encode(12, 5);
  bench.fragmenter.begin(video({64, 48}));
  for (std::size_t i = 0; i < frames.size(); ++i) {
    if (i == 6) bench.fragmenter.await_keyframe();
    bench.fragmenter.take(frames[i]);
  }
  CHECK(bench.late.value() == 4);
  REQUIRE(bench.units.size() == 8);
  CHECK(bench.units[6]->source_number == 10);
  CHECK(bench.units[6]->sequence == 6);
}

TEST_CASE("fragmenter: another size is another stream") {
  Bench bench(1s);
  bench.fragmenter.begin(video({64, 48}));
  bench.take(encode(2, 5));
  CHECK(bench.units.empty());
  auto larger = encode(2, 5, {96, 80});
  for (RingFrame& frame : larger) frame.info.source_capture_ns += kStartNs;
  bench.take(larger);  // in the same ring: its keyframe says so
  bench.fragmenter.begin(video({64, 48}));
  CHECK(bench.fragmenter.mime().empty());
  REQUIRE(bench.units.size() == 2);  // begin() ends what went before
  CHECK(bench.units[0]->init != bench.units[1]->init);
  CHECK(bench.units[1]->sequence == 1);
  const auto& init = *bench.units[1]->init->event->body;
  CHECK(std::string(init.begin(), init.end()).find("\"width\":96,\"height\":80") != std::string::npos);
}

TEST_CASE("fragmenter: what was seen goes out in front of the frame that it was seen in") {
  Bench bench(120ms);
  bench.fragmenter.begin(video({64, 48}));
  auto frames = encode(4, 5);
  frames[1].metadata = R"({"boxes": [1]})";
  frames[2].metadata = "{broken";
  bench.take(frames);
  REQUIRE(bench.units.size() == 1);
  const std::string event = event_of(*bench.units[0]);
  CHECK(event.starts_with("event: detections\ndata: {\"channel\":\"raw\",\"number\":1,"));
  CHECK(event.find("\"metadata\":{\"boxes\":[1]}}\n\n") != std::string::npos);
  CHECK(event.find("event: detections") < event.find("event: fragment"));
  INFO(event);
  CHECK(event.find("broken") == std::string::npos);
}

TEST_CASE(
    "fragmenter: a clock that was set back does not end the stream, and one that stands still goes on") {
  Bench bench;
  bench.fragmenter.begin(video({64, 48}));
  auto frames = encode(6, 3);
  for (std::size_t i = 0; i < 3; ++i) frames[i].info.source_capture_ns = 3'600'000'000'000;
  bench.take(frames);
  REQUIRE(bench.units.size() == 6);
  CHECK(has(*bench.units[1], "\"time\":3600.0000111"));
  CHECK(has(*bench.units[3], "\"time\":1.12,"));
}

TEST_CASE("fragmenter: bytes that are no video are counted and harm nothing") {
  Bench bench;
  bench.fragmenter.begin(video({64, 48}));
  RingFrame junk;
  junk.bytes = {0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 0, 1, 0x65, 9, 9};
  junk.info.flags = frame_flag::keyframe;
  bench.fragmenter.take(junk);
  junk.bytes.clear();
  bench.fragmenter.take(junk);
  CHECK(bench.units.empty());
  CHECK(bench.unfit.value() == 2);
  bench.take(encode(2, 5));
  CHECK(bench.units.size() == 2);
}

TEST_CASE("fragmenter: pictures go out one by one, whole ones alone") {
  Bench bench(1s);
  FrameFormat format;
  format.codec = Codec::mjpeg;
  bench.fragmenter.begin(format);
  RingFrame frame;
  frame.info.flags = frame_flag::keyframe;
  frame.bytes = {0xff, 0xd8, 1, 2, 3};
  bench.fragmenter.take(frame);
  CHECK(bench.units.empty());
  CHECK(bench.unfit.value() == 1);
  frame.bytes = {0xff, 0xd8, 0xff, 0xda, 0, 2, 7, 0xff, 0xd9};
  frame.past = true;
  frame.info.publish_ns = 77;
  bench.fragmenter.take(frame);
  CHECK(bench.fragmenter.mime() == "image/jpeg");
  REQUIRE(bench.units.size() == 1);
  CHECK(bench.units[0]->key);
  CHECK(bench.units[0]->past);
  CHECK(bench.units[0]->complete_ns == 77);
  CHECK(bench.units[0]->available_ns == 77);
  CHECK(has(*bench.units[0], "event: jpeg\n"));
  CHECK(*bench.units[0]->bytes->body == frame.bytes);
}
