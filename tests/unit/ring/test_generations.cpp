#include <csignal>
#include <filesystem>

#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

TEST_CASE("a reader may come first and is there when the ring comes") {
  RingDirectory directory;
  RingReader reader("cam0");
  FrameView view;
  CHECK_FALSE(reader.attached());
  CHECK(reader.writer_state() == WriterState::absent);
  CHECK(reader.next(view, 30ms) == ReadStatus::timeout);
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  REQUIRE(reader.next(view, 10s) == ReadStatus::moved);
  CHECK(reader.format() == writer.format());
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
}

TEST_CASE("a new format is a new generation: old frames first, then moved, then the new ones, none missed") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  RingReader reader("cam0");
  put_gray(writer);
  put_gray(writer);
  writer.reconfigure(raw_format(PixelFormat::nv12, {32, 16}));
  put(writer, writer.format().raw_bytes());
  FrameView view;
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  CHECK(view.payload.size() == 64 * 48);
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  REQUIRE(reader.next(view, 10s) == ReadStatus::moved);
  CHECK(reader.format().pixel_format == PixelFormat::nv12);
  CHECK(reader.epoch() == 2);
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  CHECK(view.info.number == 2);
  CHECK(view.missed == 0);
  CHECK(view.payload.size() == 32 * 16 * 3 / 2);
}

TEST_CASE("parameter sets travel with the generation that they belong to") {
  RingDirectory directory;
  RingSpec spec = video_spec("cam0");
  spec.format.extradata = {0, 0, 0, 1, 0x67, 1};
  RingWriter writer(spec);
  put(writer, 100);
  RingReader reader("cam0");
  CHECK(reader.format().extradata == spec.format.extradata);
  FrameFormat changed = spec.format;
  changed.extradata = {0, 0, 0, 1, 0x67, 2};
  writer.reconfigure(changed);
  put(writer, 200);
  FrameView view;
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  CHECK(view.payload.size() == 100);
  CHECK(reader.format().extradata == spec.format.extradata);
  REQUIRE(reader.next(view, 10s) == ReadStatus::moved);
  CHECK(reader.format().extradata == changed.extradata);
}

TEST_CASE("a killed writer's name is taken over at once; readers follow and numbers go on") {
  RingDirectory directory;
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = in_child([&] {
    RingWriter writer(gray_spec("cam0"));
    for (int i = 0; i < 5; ++i) put_gray(writer);
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  RingReader reader("cam0");
  FrameView view;
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  CHECK(view.info.number == 4);
  CHECK(reader.writer_state() == WriterState::live);
  ::kill(child, SIGKILL);
  wait_for_child(child);
  CHECK(reader.writer_state() == WriterState::dead);
  CHECK(reader.next(view, 10ms) == ReadStatus::timeout);

  RingWriter writer(gray_spec("cam0"));
  CHECK(writer.next_number() == 5);
  put_gray(writer);
  REQUIRE(reader.next(view, 10s) == ReadStatus::moved);
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  CHECK(view.info.number == 5);
  CHECK(view.missed == 0);
  CHECK(reader.writer_state() == WriterState::live);
}

TEST_CASE("a writer that closes takes its files along and says that the ring ended") {
  RingDirectory directory;
  RingReader reader("cam0");
  FrameView view;
  {
    RingWriter writer(gray_spec("cam0"));
    put_gray(writer);
    REQUIRE(reader.next(view, 10s) == ReadStatus::moved);
    REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
    CHECK(directory.files() == 3);
  }
  CHECK(directory.files() == 0);
  CHECK(reader.writer_state() == WriterState::ended);
  CHECK(reader.next(view, 10ms) == ReadStatus::timeout);
  RingWriter again(gray_spec("cam0"));
  put_gray(again);
  REQUIRE(reader.next(view, 10s) == ReadStatus::moved);
  REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
}

TEST_CASE("what a silent writer is: stopped, without signal, starting") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  RingReader reader("cam0");
  CHECK(reader.writer_state() == WriterState::starting);
  writer.set_signal(false);
  CHECK(reader.writer_state() == WriterState::no_signal);
  put(writer, writer.format().raw_bytes(), frame_flag::keyframe | frame_flag::placeholder);
  CHECK(reader.writer_state() == WriterState::no_signal);
  put_gray(writer);
  CHECK(reader.writer_state() == WriterState::live);
}
