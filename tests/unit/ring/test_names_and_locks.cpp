#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <csignal>
#include <fstream>

#include "ring/ring_name.h"
#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

TEST_CASE("ring names are file names that can't leave the directory or meet a companion file") {
  for (const char* good : {"cam0", "cam0.high", "A-b_c.9", "x"}) CHECK(is_ring_name(good));
  CHECK(is_ring_name(std::string(64, 'a')));
  CHECK_FALSE(is_ring_name(std::string(65, 'a')));
  for (const char* bad : {"", ".", "..", "../x", "a/b", "/x", "a b", "a\n", "-x", ".hidden", "cam0.lock",
                          "cam0.sock", "cam0.tmp", "cam\xc3\xa4"}) {
    INFO(bad);
    CHECK_FALSE(is_ring_name(bad));
    CHECK_THROWS_AS(check_ring_name(bad), Error);
  }
}

TEST_CASE("a second writer on one name is refused with the pid of the first") {
  RingDirectory directory;
  RingWriter first(gray_spec("cam0"));
  put_gray(first);
  const pid_t child = in_child([] {
    try {
      RingWriter second(gray_spec("cam0"));
    } catch (const Error& error) {
      const bool names_pid = std::string(error.what()).find(std::to_string(::getppid())) != std::string::npos;
      return names_pid && error.code() == ExitCode::temporary ? 42 : 2;
    }
    return 3;
  });
  CHECK(wait_for_child(child) == 42);
  RingReader reader("cam0");
  FrameView view;
  CHECK(reader.next(view, 1s) == ReadStatus::frame);  // the first is unharmed
}

TEST_CASE(
    "a ring that the directory has no room for is refused with what it needs, and leaves nothing behind") {
  RingDirectory directory;
  RingSpec spec = gray_spec("cam0");
  struct statvfs space {};
  REQUIRE(::statvfs("/dev/shm", &space) == 0);
  spec.arena_bytes = (std::uint64_t{space.f_blocks} * space.f_frsize) + (1u << 20);
  try {
    RingWriter writer(spec);
    FAIL("the ring was made");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::system);
    CHECK_THAT(error.what(), Catch::Matchers::Contains("it needs ") && Catch::Matchers::Contains("--frames"));
  }
  std::size_t rings = 0;
  for (const auto& status : list_rings(false)) rings += status.problem.empty() ? 1u : 0u;
  CHECK(rings == 0);
  RingWriter small(gray_spec("cam0"));  // the name is free again
}

TEST_CASE("a ring's files have the mode that was ordered, whatever the umask is") {
  RingDirectory directory;
  const mode_t before = ::umask(0777);
  RingSpec spec = gray_spec("cam0");
  spec.mode = 0644;
  RingWriter writer(spec);
  ::umask(before);
  struct stat status {};
  REQUIRE(::stat(directory.file("cam0").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  REQUIRE(::stat(directory.file("cam0.lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
  REQUIRE(::stat(directory.file("cam0.sock").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0666);
}

TEST_CASE("a reader without the right to read gets no_permission, one with it needs no right to write") {
  if (::geteuid() != 0) return;  // only root can become somebody else
  RingDirectory directory;
  std::filesystem::permissions(std::filesystem::path(directory.file("x")).parent_path(),
                               std::filesystem::perms::all);
  RingSpec spec = gray_spec("cam0");
  spec.mode = 0640;
  spec.group = 12345;
  RingWriter writer(spec);
  put_gray(writer);
  const auto as_group = [&](gid_t group) {
    return wait_for_child(in_child([group] {
      if (::setgid(group) != 0 || ::setuid(54321) != 0) return 9;
      try {
        RingReader reader("cam0", {.connect = true, .label = "other user"});
        FrameView view;
        const bool framed = reader.next(view, 10s) == ReadStatus::frame;
        return framed && reader.writer_state() == WriterState::live ? 42 : 2;
      } catch (const Error& error) {
        return static_cast<int>(error.code());
      }
    }));
  };
  CHECK(as_group(12345) == 42);
  CHECK(as_group(23456) == 77);
}

TEST_CASE("the list tells live rings from dead ones, and what is dead can be removed") {
  RingDirectory directory;
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = in_child([&] {
    RingWriter writer(gray_spec("gone"));
    put_gray(writer);
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    ::pause();
    return 0;
  });
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::kill(child, SIGKILL);
  wait_for_child(child);
  RingWriter writer(gray_spec("here"));
  for (int i = 0; i < 3; ++i) put_gray(writer);
  const auto rings = list_rings(true);
  REQUIRE(rings.size() == 2);
  CHECK(rings[0].name == "gone");
  CHECK(rings[0].state == WriterState::dead);
  CHECK(rings[0].writer_pid == child);
  CHECK(rings[1].name == "here");
  CHECK(rings[1].state == WriterState::live);
  CHECK(rings[1].head == 3);
  CHECK(rings[1].held == 3);
  CHECK(rings[1].used_bytes >= 3 * 64 * 48);
  REQUIRE(rings[1].consumers);
  CHECK(rings[1].consumers->empty());
  CHECK(remove_dead_ring("gone"));
  CHECK_FALSE(remove_dead_ring("here"));
  CHECK(list_rings(false).size() == 1);
  CHECK_THROWS_AS(remove_dead_ring("gone"), Error);
  CHECK_THROWS_AS(ring_status("gone", false), Error);
}
