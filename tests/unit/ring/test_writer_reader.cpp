#include <thread>

#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

TEST_CASE("a reader gets every frame in order with its numbers, times and metadata") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  RingReader reader("cam0", {.start = ReadStart::live});
  CommitInfo info;
  info.capture_ns = 123456789;
  info.source_number = 77;
  info.source_capture_ns = 1234;
  info.metadata = R"({"boxes":[]})";
  const auto payload = payload_of(0, writer.format().raw_bytes());
  CHECK(writer.publish(payload, info) == 0);
  FrameView view;
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number == 0);
  CHECK(view.info.capture_ns == 123456789);
  CHECK(view.info.source_number == 77);
  CHECK(view.info.source_capture_ns == 1234);
  CHECK(view.info.publish_ns > 0);
  CHECK(view.missed == 0);
  std::vector<std::uint8_t> copied;
  std::string metadata;
  REQUIRE(reader.copy(view, copied, &metadata));
  CHECK(copied == payload);
  CHECK(metadata == R"({"boxes":[]})");
  CHECK(reader.next(view, 0s) == ReadStatus::timeout);
  for (int i = 1; i < 100; ++i) {
    put_gray(writer);
    REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
    CHECK(view.info.number == static_cast<std::uint64_t>(i));
    CHECK(view.payload[0] == payload_of(view.info.number, 1)[0]);
  }
  CHECK(reader.seen() == 100);
  CHECK(reader.missed() == 0);
}

TEST_CASE("reader: what a glance passes over is not missed, what it passes over later is") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  RingReader reader("cam0", {.start = ReadStart::live});
  FrameView view;
  CHECK(reader.glance(view) == ReadStatus::timeout);
  for (int i = 0; i < 5; ++i) put_gray(writer);
  REQUIRE(reader.glance(view) == ReadStatus::frame);
  CHECK(view.info.number == 4);
  CHECK(view.missed == 0);
  for (int i = 0; i < 3; ++i) put_gray(writer);
  REQUIRE(reader.newest(view, 0s) == ReadStatus::frame);
  CHECK(view.info.number == 7);
  CHECK(view.missed == 2);
  for (int i = 0; i < 20; ++i) put_gray(writer);  // more than it holds
  REQUIRE(reader.glance(view) == ReadStatus::frame);
  CHECK(view.info.number == 27);
  CHECK(view.missed == 0);
  CHECK(reader.missed() == 2);
}

TEST_CASE("reader: who waits for a ring misses none of its frames, wherever it wants to start") {
  RingDirectory directory;
  for (const ReadStart start : {ReadStart::live, ReadStart::oldest}) {
    RingReader reader("late", {.start = start});
    FrameView view;
    CHECK(reader.next(view, std::chrono::milliseconds(0)) == ReadStatus::timeout);
    RingWriter writer(gray_spec("late"));
    for (std::uint8_t i = 0; i < 3; ++i) {
      const std::vector<std::uint8_t> payload(64 * 48, i);
      writer.publish(payload, {.flags = frame_flag::keyframe});
    }
    std::vector<std::uint64_t> numbers;
    for (int i = 0; i < 5; ++i) {
      if (reader.next(view, std::chrono::milliseconds(50)) == ReadStatus::frame)
        numbers.push_back(view.info.number);
    }
    CHECK(numbers == std::vector<std::uint64_t>{0, 1, 2});
  }
}

TEST_CASE("a reader that is overtaken is told how many it missed and continues with the newest frame") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  RingReader reader("cam0");
  FrameView view;
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number == 0);
  FrameView old = view;
  for (int i = 0; i < 1000; ++i) put_gray(writer);
  CHECK_FALSE(reader.still_valid(old));
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number == 1000);
  CHECK(view.missed == 999);
  CHECK(reader.seen() + reader.missed() == 1001);
}

TEST_CASE("a raw ring holds at least the frames that were asked for") {
  RingDirectory directory;
  const auto frames = GENERATE(1u, 2u, 8u, 30u);
  RingWriter writer(gray_spec("cam0", {321, 123}, frames));
  for (int i = 0; i < 200; ++i) put_gray(writer);
  RingReader reader("cam0", {.start = ReadStart::oldest});
  FrameView view;
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number <= 200 - frames);
}

TEST_CASE("a claim that is not committed changes nothing that readers see") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  RingReader reader("cam0");
  FrameView view;
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  {
    const Claim dropped = writer.claim(writer.format().raw_bytes());
    REQUIRE(dropped);
    std::fill(dropped.data().begin(), dropped.data().end(), std::uint8_t{0xee});
  }
  CHECK(reader.still_valid(view));
  CHECK(reader.next(view, 0s) == ReadStatus::timeout);
  CHECK(put_gray(writer) == 1);
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.payload[0] == payload_of(1, 1)[0]);
}

TEST_CASE("newest() skips what waits and counts it") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  RingReader reader("cam0");
  FrameView view;
  REQUIRE(reader.newest(view, 1s) == ReadStatus::frame);
  for (int i = 0; i < 5; ++i) put_gray(writer);
  REQUIRE(reader.newest(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number == 5);
  CHECK(view.missed == 4);
}

TEST_CASE("an H.264 reader starts at the newest keyframe and, when overtaken, goes on at one") {
  RingDirectory directory;
  RingWriter writer(video_spec("cam0", 1 << 20));
  for (int i = 0; i < 25; ++i) put(writer, 1000, i % 10 == 0 ? frame_flag::keyframe : 0);
  RingReader reader("cam0");
  FrameView view;
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number == 20);
  CHECK(view.info.keyframe());
  REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
  CHECK(view.info.number == 21);

  SECTION("the newest keyframe when there is one") {
    for (int i = 25; i < 5000; ++i) put(writer, 1000, i % 10 == 0 ? frame_flag::keyframe : 0);
    REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
    CHECK(view.info.number == 4990);
    CHECK(view.missed == 4990 - 22);
  }
  SECTION("the next to come when there is none") {
    for (int i = 25; i < 5000; ++i) put(writer, 1000, 0);
    CHECK(reader.next(view, 0s) == ReadStatus::timeout);
    put(writer, 1000, frame_flag::keyframe);
    REQUIRE(reader.next(view, 1s) == ReadStatus::frame);
    CHECK(view.info.number == 5000);
    CHECK(view.missed == 5000 - 22);
    CHECK(reader.seen() + reader.missed() == 5001 - 20);
  }
}

TEST_CASE("a frame that does not fit makes the ring grow and readers follow without a gap") {
  RingDirectory directory;
  RingWriter writer(video_spec("cam0", 64 << 10));
  RingReader reader("cam0", {.start = ReadStart::oldest});
  put(writer, 1000);
  FrameView view;
  REQUIRE(read_frame(reader, view) == ReadStatus::frame);
  put(writer, 900'000);
  REQUIRE(read_frame(reader, view) == ReadStatus::frame);
  CHECK(view.info.number == 1);
  CHECK(view.missed == 0);
  CHECK(view.payload.size() == 900'000);
}

TEST_CASE("a sleeping reader is woken by the frame, in another process too") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  constexpr int kReaders = 12;  // more than the writer wakes itself
  std::vector<pid_t> children;
  for (int i = 0; i < kReaders; ++i) {
    children.push_back(in_child([] {
      RingReader reader("cam0", {.start = ReadStart::live, .connect = true});
      FrameView view;
      std::uint64_t last = 0;
      while (reader.next(view, 20s) == ReadStatus::frame) {
        last = view.info.number;
        if (view.info.flags & frame_flag::discontinuity) return last == 20 ? 0 : 2;
      }
      return 3;
    }));
  }
  while (writer.consumer_count() < kReaders) std::this_thread::yield();
  for (int i = 0; i < 20; ++i) {
    put_gray(writer);
    std::this_thread::yield();
  }
  put(writer, writer.format().raw_bytes(), frame_flag::keyframe | frame_flag::discontinuity);
  for (const pid_t child : children) CHECK(wait_for_child(child) == 0);
}

TEST_CASE("threads of one process read while another writes; seen and missed add up") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0", {320, 240}, 4));
  std::atomic<bool> bad{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&bad] {
      RingReader reader("cam0", {.start = ReadStart::live});
      FrameView view;
      std::vector<std::uint8_t> copied;
      std::uint64_t first = 0, last = 0;
      bool any = false;
      for (;;) {
        if (reader.next(view, 20s) != ReadStatus::frame) break;
        if (!any) first = view.info.number;
        any = true;
        last = view.info.number;
        const bool end = (view.info.flags & frame_flag::discontinuity) != 0;
        if (reader.copy(view, copied) && copied != payload_of(last, copied.size())) bad = true;
        if (end) break;
      }
      if (!any || reader.seen() + reader.missed() != last - first + 1) bad = true;
    });
  }
  for (int i = 0; i < 5000; ++i) put_gray(writer);
  put(writer, writer.format().raw_bytes(), frame_flag::keyframe | frame_flag::discontinuity);
  for (auto& thread : threads) thread.join();
  CHECK_FALSE(bad);
}

TEST_CASE("a size that no reader would accept is refused to the writer") {
  RingDirectory directory;
  RingSpec spec = gray_spec("cam0");
  spec.format = raw_format(PixelFormat::gray8, {70'000, 16});
  CHECK_THROWS_AS(RingWriter(spec), Error);
}
