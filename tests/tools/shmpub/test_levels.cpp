// Dynamic quality at the outputs, pictures that repeat, and words in pictures, through the whole graph.
#include <stdio.h>

#include <thread>

#include "catch.h"
#include "pipeline_fixture.h"

using namespace camring;
using namespace camring::shmpub;
using namespace camring::shmpub::test;

namespace {

// What an output published while `frames` frames of a 30 fps camera came.
struct Seen {
  std::size_t frames = 0, bytes = 0, degraded = 0;
  Size size;
};

class Play {
 public:
  explicit Play(Bench& bench, Size size = {640, 480})
      : bench_(bench), source_(raw_format(PixelFormat::i420, size, {30, 1})) {
    bench_.pipeline->follow(source_.format());
  }
  void frames(std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i, ++next_) {
      const auto payload = raw_frame(source_.format(), next_);
      bench_.pipeline->process(source_, frame_of(next_, payload));
    }
  }
  std::uint64_t next() const { return next_; }

 private:
  Bench& bench_;
  HandSource source_;
  std::uint64_t next_ = 0;
};

Seen drain(RingReader& reader) {
  Seen seen;
  FrameView view;
  for (;;) {
    const ReadStatus status = reader.next(view, std::chrono::milliseconds(0));
    if (status == ReadStatus::timeout) return seen;
    if (status != ReadStatus::frame) continue;
    ++seen.frames;
    seen.bytes += view.payload.size();
    seen.degraded += (view.info.flags & frame_flag::degraded) != 0;
    seen.size = reader.format().size;
  }
}

}  // namespace

TEST_CASE("levels: each costs less than the one before, and says that it is degraded") {
  for (const std::string order : {"o:h264,1M", "o:mjpeg,q80", "o:raw,gray8"}) {
    CAPTURE(order);
    Bench bench({order});
    Play play(bench);
    Output& output = *bench.pipeline->outputs()[0];
    play.frames(1);
    RingReader reader = read_all("o");
    (void)drain(reader);
    std::size_t before = SIZE_MAX;
    for (int level = 0; level <= output.max_level(); ++level) {
      CAPTURE(level);
      output.set_level(level);
      CHECK(bench.metric("camring_quality_level{tool=\"shmpub\",ring=\"o\"}") == level);
      play.frames(60);
      const Seen seen = drain(reader);
      CHECK(seen.degraded == (level > 0 ? seen.frames : 0));
      CHECK(seen.frames > 0);
      CHECK(seen.bytes < before);
      before = seen.bytes;
    }
    output.set_level(0);
    play.frames(30);
    const Seen seen = drain(reader);
    CHECK(seen.frames == 30);
    CHECK(seen.degraded == 0);
    CHECK(seen.size == Size{640, 480});
  }
}

TEST_CASE("levels: rate and detail make no new generation, size does") {
  Bench bench({"o:h264,1M"});
  Play play(bench);
  Output& output = *bench.pipeline->outputs()[0];
  play.frames(1);
  RingReader reader = read_all("o");
  (void)drain(reader);
  for (int level = 1; level <= output.max_level(); ++level) {
    output.set_level(level);
    play.frames(4);
    FrameView view;
    bool moved = false;
    for (ReadStatus status;
         (status = reader.next(view, std::chrono::milliseconds(0))) != ReadStatus::timeout;) {
      moved = moved || status == ReadStatus::moved;
    }
    CAPTURE(level);
    CHECK(moved == (level >= 5));
  }
  CHECK(reader.format().size == Size{320, 240});
}

TEST_CASE("levels: video that is passed on has none") {
  Bench bench({"same:mjpeg", "again:mjpeg,q50"});
  HandSource source(coded_format(Codec::mjpeg, {64, 48}, {30, 1}));
  bench.pipeline->follow(source.format());
  CHECK(bench.pipeline->outputs()[0]->max_level() ==
        2);  // pictures that stand for themselves can be left out
  Bench video({"same:h264"});
  FrameFormat h264 = coded_format(Codec::h264, {64, 48}, {30, 1});
  HandSource stream(h264);
  video.pipeline->follow(stream.format());
  CHECK(video.pipeline->outputs()[0]->max_level() == 0);
}

TEST_CASE("equal frames: so many in a row are left out as were ordered, and what differs never is") {
  Bench bench({"o:raw"}, false, {{}, 3});
  HandSource source(raw_format(PixelFormat::gray8, {640, 480}, {30, 1}));
  bench.pipeline->follow(source.format());
  const auto one = raw_frame(source.format(), 1), other = raw_frame(source.format(), 2);
  std::uint64_t n = 0;
  for (const auto* payload : {&one, &one, &one, &one, &one, &one, &other, &other, &one}) {
    bench.pipeline->process(source, frame_of(n++, *payload));
  }
  RingReader reader = read_all("o");
  std::vector<std::uint64_t> numbers;
  FrameView view;
  while (reader.next(view, std::chrono::milliseconds(0)) != ReadStatus::timeout) {
    if (view.payload.data() != nullptr) numbers.push_back(view.info.source_number - kFirstNumber);
  }
  CHECK(numbers == std::vector<std::uint64_t>{0, 4, 6, 8});
  CHECK(bench.metric("camring_frames_dropped_total{tool=\"shmpub\",ring=\"source\",reason=\"same\"}") == 5);
}

TEST_CASE("equal frames: each output has the picture before it leaves out the ones that equal it") {
  Bench bench({"all:raw", "few:raw,320x240@10", "coded:h264,500k"}, true, {{}, 100});
  HandSource source(raw_format(PixelFormat::i420, {640, 480}, {30, 1}));
  bench.pipeline->follow(source.format());
  RingReader all = read_all("all"), few = read_all("few");
  const auto one = raw_frame(source.format(), 1), other = raw_frame(source.format(), 2);
  std::uint64_t n = 0;
  const auto play = [&](const std::vector<std::uint8_t>& payload, int count) {
    for (int i = 0; i < count; ++i) bench.pipeline->process(source, frame_of(n++, payload));
  };
  play(one, 4);
  play(other, 12);
  // At the moment of the change `few` was between two of its frames: it shows the change all the same.
  const auto slow = received(few);
  REQUIRE_FALSE(slow.empty());
  CHECK(number_in(few.format(), slow.back().payload) == kFirstNumber + 2);
  CHECK(received(all).size() == 2);

  // Who comes while nothing changes gets the picture, and so does who asks for a keyframe.
  RingReader late("coded", {.start = ReadStart::oldest, .connect = true, .label = "late"});
  const auto wait_wanted = [&] {
    for (int i = 0; i < 500 && !bench.pipeline->outputs()[2]->wanted(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    REQUIRE(bench.pipeline->outputs()[2]->wanted());
  };
  FrameView view;
  (void)late.next(view, std::chrono::milliseconds(0));
  wait_wanted();
  play(other, 3);
  CHECK(received(late).size() == 1);
  late.request_keyframe();
  std::size_t more = 0;
  for (int i = 0; i < 500 && more == 0; ++i) {
    play(other, 1);
    more += received(late).size();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  CHECK(more == 1);
  CHECK(received(all).empty());
}

TEST_CASE("levels: a level that can't be opened leaves the output as it was") {
  Bench bench({"o:h264,500k"});
  Play play(bench);
  Output& output = *bench.pipeline->outputs()[0];
  play.frames(3);
  RingReader reader = read_all("o");
  CHECK(drain(reader).frames == 3);
  // A smaller picture needs a new ring, and there is no directory for one any more.
  const std::string directory = bench.directory.path(), away = directory + ".away";
  REQUIRE(::rename(directory.c_str(), away.c_str()) == 0);
  CHECK_FALSE(output.set_level(5));
  CHECK(output.level() == 0);
  CHECK(bench.metric("camring_quality_level{tool=\"shmpub\",ring=\"o\"}") == 0);
  play.frames(3);
  REQUIRE(::rename(away.c_str(), directory.c_str()) == 0);
  const Seen seen = drain(reader);
  CHECK(seen.frames == 3);
  CHECK(seen.degraded == 0);
  CHECK(output.set_level(5));
  play.frames(4);
  CHECK(drain(reader).size == Size{480, 360});
}

TEST_CASE("overlay: it is in every output, and the source's own bytes are no longer good enough") {
  Bench bench({"same:raw", "gray:raw,gray8", "jpeg:mjpeg", "own:raw,i420"}, false,
              {Overlay(Overlay::Kind::name, "cam0"), 0}, true);
  Play play(bench);
  play.frames(2);
  for (const char* name : {"same", "own"}) {
    CAPTURE(name);
    RingReader reader = read_all(name);
    FrameView view;
    REQUIRE(reader.next(view, std::chrono::milliseconds(0)) == ReadStatus::frame);
    const auto untouched = raw_frame(raw_format(PixelFormat::i420, {640, 480}, {30, 1}), 0);
    const std::size_t luma = 640 * 480;
    CHECK(std::equal(untouched.begin(), untouched.begin() + luma / 2, view.payload.begin()));
    CHECK_FALSE(std::equal(untouched.begin(), untouched.begin() + luma, view.payload.begin()));
  }
}
