#include "ring/ring_follower.h"

#include <algorithm>
#include <condition_variable>
#include <fstream>
#include <functional>
#include <mutex>

#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

namespace {

// Notes what it is told.
class Sink final : public FrameSink {
 public:
  explicit Sink(std::function<bool(bool)> all = [](bool) { return true; }) : all_(std::move(all)) {}
  struct Heard {
    std::vector<std::uint64_t> numbers;
    std::vector<Codec> begun;  // the codec at each begin()
    int anew = 0, looks = 0, errors = 0, demanded_rounds = 0;
    int idle_rounds = 0;  // since the last frame
    std::uint64_t missed = 0;
    Silence last;
  };
  std::string unfit(const FrameFormat& format) const override {
    return format.codec == Codec::raw ? "it is raw" : "";
  }
  void begin(RingReader& reader, bool anew) override {
    note([&](Heard& heard) {
      heard.begun.push_back(reader.format().codec);
      heard.anew += anew;
    });
  }
  bool take(RingReader& reader, const FrameView& view) override {
    note([&](Heard& heard) {
      heard.numbers.push_back(view.info.number);
      heard.idle_rounds = 0;
      heard.missed = reader.missed();
    });
    return true;
  }
  void silent(RingReader* reader, const Silence& silence) override {
    note([&](Heard& heard) {
      ++heard.looks;
      heard.errors += reader == nullptr;
      heard.last = silence;
    });
  }
  void round(RingReader&, bool demanded) override {
    note([&](Heard& heard) {
      heard.demanded_rounds += demanded;
      ++heard.idle_rounds;
    });
  }
  std::chrono::nanoseconds patience() const override { return 100ms; }
  bool wants_all(bool late) const override { return all_(late); }

  Heard heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
  }
  // Whether it came to that; waits for it.
  bool wait(const std::function<bool(const Heard&)>& what) {
    std::unique_lock lock(mutex_);
    return noted_.wait_for(lock, 20s, [&] { return what(heard_); });
  }

 private:
  void note(const std::function<void(Heard&)>& how) {
    const std::lock_guard lock(mutex_);
    how(heard_);
    noted_.notify_all();
  }
  const std::function<bool(bool)> all_;
  std::mutex mutex_;
  std::condition_variable noted_;
  Heard heard_;
};

// It has found nothing more, and reads no more before it has dozed.
bool falls_asleep(const Sink::Heard& heard) { return heard.idle_rounds >= 2; }

bool in_order(const std::vector<std::uint64_t>& numbers) {
  return std::adjacent_find(numbers.begin(), numbers.end(), [](auto a, auto b) { return b != a + 1; }) ==
         numbers.end();
}

auto last_is(std::uint64_t number) {
  return
      [number](const Sink::Heard& heard) { return !heard.numbers.empty() && heard.numbers.back() == number; };
}

}  // namespace

TEST_CASE("follower: a ring that comes, goes, comes back with another format, and is of no use in between") {
  RingDirectory directory;
  Sink sink;
  const RingFollower follower("cam0", {.label = "test"}, sink);
  REQUIRE(sink.wait([](const auto& heard) { return heard.looks > 0; }));
  CHECK(sink.heard().last.writer == WriterState::absent);
  CHECK_FALSE(sink.heard().last.coming);
  CHECK(sink.heard().last.reason == "there is no ring 'cam0' yet");
  {
    RingWriter writer(video_spec("cam0"));
    put(writer, 100);
    REQUIRE(sink.wait(last_is(0)));
    CHECK(sink.heard().begun == std::vector{Codec::h264});
    writer.reconfigure(gray_spec("cam0").format);
    put_gray(writer);
    REQUIRE(sink.wait([](const auto& heard) { return heard.last.reason == "it is raw"; }));
    CHECK_FALSE(sink.heard().last.coming);
    CHECK(sink.heard().numbers.size() == 1);
    writer.reconfigure(coded_format(Codec::mjpeg, {64, 48}, {30, 1}));
    put(writer, 100);
    REQUIRE(sink.wait(last_is(2)));
    CHECK(sink.heard().begun == std::vector{Codec::h264, Codec::raw, Codec::mjpeg});
    CHECK(sink.heard().anew >= 2);
    // A writer that lives, and gives nothing.
    const auto until = monotonic_ns() + 20'000'000'000;
    const auto told = [&sink] { return sink.heard().last.coming && !sink.heard().last.reason.empty(); };
    while (!told() && monotonic_ns() < until) {
      writer.beat_loop();
      std::this_thread::sleep_for(20ms);
    }
    CHECK(told());
  }
  REQUIRE(sink.wait([](const auto& heard) { return heard.last.writer == WriterState::ended; }));
  CHECK_FALSE(sink.heard().last.coming);
}

TEST_CASE("follower: demand lasts as long as somebody watches, and for some time after a question") {
  RingDirectory directory;
  RingWriter writer(video_spec("cam0"));
  put(writer, 100);
  const auto comes_to = [&writer](std::size_t consumers) {
    const auto until = monotonic_ns() + 20'000'000'000;
    while (writer.consumer_count() != consumers && monotonic_ns() < until) std::this_thread::sleep_for(5ms);
    return writer.consumer_count() == consumers;
  };
  Sink sink;
  RingFollower follower("cam0", {.label = "test", .want_time = 0ns}, sink);
  CHECK_FALSE(follower.wanted());
  follower.set_watchers(2);
  CHECK(comes_to(1));
  follower.set_watchers(1);
  CHECK(follower.watched());
  CHECK(comes_to(1));
  CHECK(sink.wait([](const auto& heard) { return heard.demanded_rounds > 0; }));
  CHECK(follower.alive());
  follower.set_watchers(0);
  CHECK_FALSE(follower.wanted());
  CHECK(comes_to(0));
  const RingFollower asked("cam0", {.label = "test", .want_time = 1h}, sink);
  CHECK(asked.wanted());
  CHECK_FALSE(asked.watched());
  CHECK(comes_to(1));
}

TEST_CASE("follower: who dozes gets everything, later: who comes rouses it") {
  RingDirectory directory;
  RingWriter writer(video_spec("cam0"));
  put(writer, 100);
  Sink sink;
  RingFollower follower("cam0", {.label = "test", .want_time = 0ns, .video_doze_time = 1h}, sink);
  REQUIRE_FALSE(follower.wanted());
  REQUIRE(sink.wait(last_is(0)));
  REQUIRE(sink.wait(falls_asleep));
  for (int i = 1; i < 100; ++i) put(writer, 100, i % 10 == 0 ? frame_flag::keyframe : 0);
  std::this_thread::sleep_for(50ms);
  CHECK(sink.heard().numbers.size() == 1);
  follower.set_watchers(1);
  REQUIRE(sink.wait(last_is(99)));
  put(writer, 100, 0);
  REQUIRE(sink.wait(last_is(100)));
  CHECK(sink.heard().numbers.size() == 101);
  CHECK(in_order(sink.heard().numbers));
  CHECK(sink.heard().missed == 0);
}

TEST_CASE(
    "follower: of pictures that came while nobody watched all are had, or the newest, and none is missed") {
  RingDirectory directory;
  RingSpec spec = video_spec("cam0");
  spec.format.codec = Codec::mjpeg;
  RingWriter writer(spec);
  put(writer, 100);
  const bool all = GENERATE(false, true);
  Sink sink([all](bool late) { return late && all; });
  RingFollower follower("cam0", {.label = "test", .want_time = 0ns, .doze_time = 1h}, sink);
  REQUIRE(sink.wait(last_is(0)));
  REQUIRE(sink.wait(falls_asleep));
  for (int i = 1; i < 10; ++i) put(writer, 100);
  follower.set_watchers(1);
  REQUIRE(sink.wait(last_is(9)));
  CHECK(sink.heard().numbers.size() == (all ? 10 : 2));
  CHECK(sink.heard().missed == 0);
}

TEST_CASE("follower: of a ring that holds less than it sleeps it loses frames once") {
  RingDirectory directory;
  RingSpec spec = video_spec("cam0");
  spec.frames = 2;  // the index has its least: 16
  RingWriter writer(spec);
  put(writer, 100);
  Sink sink;
  const RingFollower follower(
      "cam0", {.label = "test", .want_time = 0ns, .doze_time = 1ms, .video_doze_time = 300ms}, sink);
  REQUIRE(sink.wait(last_is(0)));
  REQUIRE(sink.wait(falls_asleep));
  for (int i = 1; i <= 40; ++i) put(writer, 100);
  REQUIRE(sink.wait(last_is(40)));
  const auto lost = sink.heard().missed;
  CHECK(lost > 0);
  for (std::uint64_t i = 41; i <= 140; ++i) {
    put(writer, 100);
    REQUIRE(sink.wait(last_is(i)));  // thirty seconds, would it still sleep that long
  }
  CHECK(sink.heard().missed == lost);
}

TEST_CASE("follower: while nobody watches it looks now and then all the same") {
  RingDirectory directory;
  RingWriter writer(video_spec("cam0"));
  Sink sink;
  const RingFollower follower("cam0", {.label = "test", .want_time = 0ns, .video_doze_time = 10ms}, sink);
  for (std::uint64_t i = 0; i < 10; ++i) {
    put(writer, 100);
    REQUIRE(sink.wait(last_is(i)));
  }
  CHECK(sink.heard().missed == 0);
}

TEST_CASE("follower: a ring that can't be opened is told of, and tried again") {
  RingDirectory directory;
  std::ofstream(directory.file("cam0")) << std::string(8192, 'x');
  Sink sink;
  const RingFollower follower("cam0", {.label = "test"}, sink);
  REQUIRE(sink.wait([](const auto& heard) { return heard.errors > 1; }));
  CHECK_FALSE(sink.heard().last.reason.empty());
  CHECK_FALSE(sink.heard().last.coming);
  std::filesystem::remove(directory.file("cam0"));
  RingWriter writer(video_spec("cam0"));
  put(writer, 100);
  REQUIRE(sink.wait(last_is(0)));
}

TEST_CASE("follower: it ends, whatever it is at") {
  RingDirectory directory;
  for (const auto want_time : {0ns, std::chrono::nanoseconds(1h)}) {
    Sink sink;
    RingFollower follower("cam0", {.label = "test", .want_time = want_time, .doze_time = 1h}, sink);
    REQUIRE(sink.wait([](const auto& heard) { return heard.looks > 0; }));
    REQUIRE(sink.wait(falls_asleep));
    follower.stop();
    CHECK_FALSE(follower.running());
  }
}
