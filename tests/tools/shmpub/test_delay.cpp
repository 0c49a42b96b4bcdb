#include <thread>

#include "base/clock.h"
#include "pipeline_fixture.h"

using namespace camring;
using namespace camring::shmpub;
using namespace camring::shmpub::test;
using namespace std::chrono_literals;

namespace {

constexpr auto kDelay = 80ms;

// The source publishes a frame now; its time of publication comes back.
std::int64_t feed(Bench& bench, HandSource& source, std::uint64_t n) {
  const auto payload = raw_frame(source.format(), n);
  SourceFrame frame = frame_of(n, payload);
  frame.info.publish_ns = monotonic_ns();
  bench.pipeline->process(source, frame);
  return frame.info.publish_ns;
}

void wait_until_out(Bench& bench) {
  while (bench.pipeline->held_until()) std::this_thread::yield();
}

FrameFormat source_format(Size size = {320, 240}) {
  FrameFormat format = raw_format(PixelFormat::i420, size, {30, 1});
  format.colour.range = 1;
  return format;
}

}  // namespace

TEST_CASE("delay: every kind of output comes later by it, and is what it would be without") {
  Bench bench({"same:raw", "small:raw,gray8,160x120", "jpeg:mjpeg", "video:h264"}, false, {}, false, kDelay);
  HandSource source(source_format());
  bench.pipeline->follow(source.format());
  std::vector<std::int64_t> published;
  for (std::uint64_t n = 0; n < 12; ++n) {
    published.push_back(feed(bench, source, n));
    std::this_thread::sleep_for(5ms);
  }
  bench.pipeline->finish(source);
  wait_until_out(bench);
  for (const char* name : {"same", "small", "jpeg", "video"}) {
    INFO(name);
    auto reader = read_all(name);
    const auto frames = received(reader);
    REQUIRE(frames.size() == published.size());
    for (std::uint64_t n = 0; n < frames.size(); ++n) {
      const SourceFrame expected = frame_of(n, {});
      CHECK(frames[n].info.source_number == kFirstNumber + n);
      CHECK(frames[n].info.capture_ns == expected.info.capture_ns);
      CHECK(frames[n].info.source_capture_ns == expected.info.source_capture_ns);
      CHECK(frames[n].metadata == expected.metadata);
      CHECK(frames[n].info.publish_ns >= published[n] + std::chrono::nanoseconds(kDelay).count());
      if (reader.format().codec != Codec::h264)
        CHECK(number_in(reader.format(), frames[n].payload) == kFirstNumber + n);
    }
    CHECK(bench.metric("camring_frames_total{tool=\"shmpub\",ring=\"" + std::string(name) + "\"}") == 12);
  }
  auto reader = read_all("same");
  CHECK(received(reader)[3].payload == raw_frame(source.format(), 3));
}

TEST_CASE("delay: frames that are held come out in the format that they were made in") {
  Bench bench({"jpeg:mjpeg"}, false, {}, false, kDelay);
  HandSource small(source_format()), large(source_format({640, 480}));
  bench.pipeline->follow(small.format());
  auto reader = read_all("jpeg");
  (void)feed(bench, small, 0);
  bench.pipeline->follow(large.format());
  (void)feed(bench, large, 1);
  CHECK(bench.pipeline->outputs()[0]->size() == Size{640, 480});

  FrameView view;
  REQUIRE(reader.next(view, 30s) == ReadStatus::frame);
  CHECK(reader.format().size == Size{320, 240});
  CHECK(view.info.source_number == kFirstNumber);
  REQUIRE(reader.next(view, 30s) == ReadStatus::moved);
  CHECK(reader.format().size == Size{640, 480});
  REQUIRE(reader.next(view, 30s) == ReadStatus::frame);
  CHECK(view.info.source_number == kFirstNumber + 1);
  CHECK((view.info.flags & frame_flag::discontinuity) != 0);
}

TEST_CASE("delay: nothing is encoded for nobody, and that no signal comes is said after the last frame") {
  Bench bench({"jpeg:mjpeg", "same:raw"}, true, {}, false, kDelay);
  HandSource source(source_format());
  bench.pipeline->follow(source.format());
  auto reader = read_all("same");
  (void)feed(bench, source, 0);
  bench.pipeline->set_signal(false);
  FrameView view;
  REQUIRE(reader.next(view, 30s) == ReadStatus::frame);
  wait_until_out(bench);
  CHECK(reader.writer_state() == WriterState::no_signal);
  CHECK(bench.metric("camring_stage_seconds_count{tool=\"shmpub\",stage=\"encode\"}") == 0);
  CHECK(bench.metric("camring_frames_total{tool=\"shmpub\",ring=\"jpeg\"}") == 0);
}
