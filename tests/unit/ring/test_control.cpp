#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <csignal>
#include <cstring>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "ring/control_client.h"
#include "ring/control_server.h"
#include "ring/control_socket.h"
#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

namespace {

// Waits for a state of the control channel, which another thread serves.
template <class F>
bool eventually(F&& predicate) {
  const std::int64_t end = monotonic_ns() + 20'000'000'000;
  while (!predicate()) {
    if (monotonic_ns() > end) return false;
    std::this_thread::yield();
  }
  return true;
}

UniqueFd raw_connection(const std::string& path) {
  UniqueFd fd(::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0));
  const ControlAddress address(path);
  REQUIRE(::connect(fd.get(), address.data(), address.size()) == 0);
  return fd;
}

}  // namespace

TEST_CASE("a connected reader is a consumer with pid, command and label until it dies") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  const pid_t child = in_child([] {
    RingReader reader("cam0", {.connect = true, .label = "a test"});
    ::pause();
    return 0;
  });
  REQUIRE(eventually([&] { return writer.consumer_count() == 1; }));
  const auto consumers = writer.consumers();
  REQUIRE(consumers.size() == 1);
  CHECK(consumers[0].pid == child);
  CHECK(consumers[0].label == "a test");
  CHECK_FALSE(consumers[0].command.empty());
  CHECK(ring_status("cam0", true).consumers->size() == 1);
  pollfd event{writer.event_fd(), POLLIN, 0};
  CHECK(::poll(&event, 1, 10'000) == 1);
  ::kill(child, SIGKILL);
  wait_for_child(child);
  CHECK(eventually([&] { return writer.consumer_count() == 0; }));
}

TEST_CASE("a keyframe request reaches the writer once") {
  RingDirectory directory;
  RingWriter writer(video_spec("cam0"));
  RingReader reader("cam0", {.connect = true});
  CHECK_FALSE(writer.take_keyframe_request());
  reader.request_keyframe();
  REQUIRE(eventually([&] { return writer.take_keyframe_request(); }));
  CHECK_FALSE(writer.take_keyframe_request());
}

TEST_CASE("a consumer finds the next writer of the ring by itself") {
  RingDirectory directory;
  RingReader reader("cam0", {.connect = true});
  FrameView view;
  for (int i = 0; i < 2; ++i) {
    RingWriter writer(gray_spec("cam0"));
    put_gray(writer);
    REQUIRE(read_frame(reader, view) == ReadStatus::frame);
    CHECK(eventually([&] {
      (void)reader.next(view, 1ms);
      return writer.consumer_count() == 1;
    }));
  }
}

TEST_CASE("garbage on the control channel closes that connection and hurts nobody") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  RingReader good("cam0", {.connect = true, .label = "good"});
  REQUIRE(eventually([&] { return writer.consumer_count() == 1; }));
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const UniqueFd fd = raw_connection(directory.file("cam0.sock"));
    std::vector<char> bytes(random() % 300);
    for (char& byte : bytes) byte = static_cast<char>(random());
    if (i % 3 == 0 && bytes.size() >= 4) std::memcpy(bytes.data(), &ControlMessage::kMagic, 4);
    // Half of them hang up before the answer.
    (void)!::send(fd.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
  }
  CHECK(eventually([&] { return writer.consumer_count() == 1; }));
  CHECK(writer.consumers().at(0).label == "good");
}

TEST_CASE("labels are made printable, sizes and types are checked") {
  ControlMessage message;
  message.label.fill('\x01');
  ControlMessage parsed;
  REQUIRE(parse_control_message(&message, sizeof message, parsed));
  CHECK(std::string(parsed.label.data()) == std::string(39, '?'));
  CHECK_FALSE(parse_control_message(&message, sizeof message - 1, parsed));
  message.type = static_cast<ControlMessage::Type>(9);
  CHECK_FALSE(parse_control_message(&message, sizeof message, parsed));
  message.type = ControlMessage::Type::hello;
  message.magic = 0;
  CHECK_FALSE(parse_control_message(&message, sizeof message, parsed));
}

TEST_CASE("a correction is kept, answered to whoever asks, replaced by the next and taken back") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  const std::string path = directory.file("cam0.sock");
  REQUIRE(ask_writer(path, 5000));
  CHECK_FALSE(ask_writer(path, 5000)->correction);
  REQUIRE(publish_correction(path, {.delay_ns = 83'000'000, .valid_ns = 50'000'000'000, .against = "cam0.ai"},
                             5000));
  const auto answer = ask_writer(path, 5000);
  REQUIRE((answer && answer->correction));
  CHECK(answer->correction->delay_ns == 83'000'000);
  CHECK(answer->correction->valid_ns == 50'000'000'000);
  CHECK(answer->correction->against == "cam0.ai");
  CHECK(answer->correction->age_ns >= 0);
  CHECK(writer.correction()->delay_ns == 83'000'000);
  CHECK(ring_status("cam0", true).correction->delay_ns == 83'000'000);
  CHECK(writer.consumer_count() == 0);
  REQUIRE(publish_correction(path, {.delay_ns = 0, .valid_ns = 1'000'000'000, .against = "b"}, 5000));
  CHECK(writer.correction()->delay_ns == 0);
  REQUIRE(publish_correction(path, {.delay_ns = 1, .valid_ns = 0, .against = "b"}, 5000));
  CHECK_FALSE(writer.correction());
  CHECK_FALSE(publish_correction(directory.file("none.sock"), {.valid_ns = 1, .against = "b"}, 100));
}

TEST_CASE("a correction's numbers are cut to their limits and end by themselves") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  const UniqueFd fd = raw_connection(directory.file("cam0.sock"));
  ControlMessage message;
  message.type = ControlMessage::Type::correction;
  message.seen = message.missed = ~std::uint64_t{0};
  REQUIRE(::send(fd.get(), &message, sizeof message, MSG_NOSIGNAL) == sizeof message);
  REQUIRE(eventually([&] { return writer.correction().has_value(); }));
  CHECK(writer.correction()->delay_ns == Correction::kMaxDelayNs);
  CHECK(writer.correction()->valid_ns == Correction::kMaxValidNs);
  message.missed = 1'000'000;
  REQUIRE(::send(fd.get(), &message, sizeof message, MSG_NOSIGNAL) == sizeof message);
  CHECK(eventually([&] { return !writer.correction(); }));
}

TEST_CASE("a writer's answer is not trusted further than it makes sense") {
  const auto with = [](const std::string& correction) {
    return parse_writer_answer(R"({"consumers":[],"correction":)" + correction + "}");
  };
  CHECK(with(R"({"delay_ns":5,"against":"b","age_ms":1.5,"valid_ms":7})")->correction->age_ns == 1'500'000);
  CHECK(with(R"({"delay_ns":-5,"against":"b","age_ms":-1,"valid_ms":1e300})")->correction->delay_ns == 0);
  CHECK_FALSE(with(R"({"delay_ns":5,"against":"\u001b[2J","age_ms":1,"valid_ms":7})")->correction);
  for (const char* bad : {"7", "{}", R"({"delay_ns":1e300,"against":"b","age_ms":1,"valid_ms":7})"})
    CHECK_FALSE(with(bad));
  for (const char* bad : {"", "[]", "{", "{}", R"({"consumers":7})", R"({"consumers":[{"pid":1.5}]})"})
    CHECK_FALSE(parse_writer_answer(bad));
}

TEST_CASE("more consumers than the limit are refused without harm") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  std::vector<RingReader> readers;
  for (std::size_t i = 0; i < kMaxConsumers + 20; ++i) {
    readers.emplace_back("cam0", ReaderOptions{.connect = true});
    put_gray(writer);
  }
  CHECK(eventually([&] { return writer.consumer_count() >= kMaxConsumers / 2; }));
  CHECK(writer.consumer_count() <= kMaxConsumers);
  FrameView view;
  CHECK(readers.back().next(view, 1s) == ReadStatus::frame);
}

TEST_CASE("a ring directory with a long path works, control channel included") {
  RingDirectory directory;
  const std::string deep = std::filesystem::path(directory.file("x")).parent_path().string() + "/" +
                           std::string(100, 'd') + "/" + std::string(100, 'e');
  std::filesystem::create_directories(deep);
  ::setenv("CAMRING_DIR", deep.c_str(), 1);
  RingWriter writer(gray_spec("cam0"));
  RingReader reader("cam0", {.connect = true});
  CHECK(eventually([&] { return writer.consumer_count() == 1; }));
}
