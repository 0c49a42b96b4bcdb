// A ring directory of its own for each test, and frames that say which they are.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "catch.h"
#include "ring/ring_list.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace camring::test {

using namespace std::chrono_literals;

/// Sets CAMRING_DIR to a new directory on a tmpfs and removes it at the end.
class RingDirectory {
 public:
  RingDirectory() {
    std::string path = "/dev/shm/camring-unit-XXXXXX";
    REQUIRE(::mkdtemp(path.data()) != nullptr);
    path_ = path;
    ::setenv("CAMRING_DIR", path_.c_str(), 1);
  }
  ~RingDirectory() { std::filesystem::remove_all(path_); }
  RingDirectory(const RingDirectory&) = delete;
  RingDirectory& operator=(const RingDirectory&) = delete;
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  [[nodiscard]] std::string file(const std::string& name) const { return path_ + "/camring." + name; }
  [[nodiscard]] std::size_t files() const {
    return static_cast<std::size_t>(std::distance(std::filesystem::directory_iterator(path_), {}));
  }

 private:
  std::string path_;
};

inline RingSpec gray_spec(const std::string& name, Size size = {64, 48}, std::uint32_t frames = 8) {
  RingSpec spec;
  spec.name = name;
  spec.format = raw_format(PixelFormat::gray8, size, {30, 1});
  spec.frames = frames;
  spec.writer = "test";
  return spec;
}

inline RingSpec video_spec(const std::string& name, std::uint64_t arena_bytes = 0) {
  RingSpec spec;
  spec.name = name;
  spec.format = coded_format(Codec::h264, {640, 480}, {30, 1});
  spec.arena_bytes = arena_bytes;
  return spec;
}

/// Bytes that all follow from the number.
inline std::vector<std::uint8_t> payload_of(std::uint64_t number, std::size_t bytes) {
  return std::vector<std::uint8_t>(bytes, static_cast<std::uint8_t>(number * 37 + 11));
}

inline std::uint64_t put(RingWriter& writer, std::size_t bytes, std::uint32_t flags = frame_flag::keyframe) {
  CommitInfo info;
  info.flags = flags;
  info.capture_ns = monotonic_ns();
  return writer.publish(payload_of(writer.next_number(), bytes), info);
}

inline std::uint64_t put_gray(RingWriter& writer) { return put(writer, writer.format().raw_bytes()); }

/// next() that passes over `moved`, with a watchdog for a timeout.
inline ReadStatus read_frame(RingReader& reader, FrameView& view) {
  for (;;) {
    const ReadStatus status = reader.next(view, 10s);
    if (status != ReadStatus::moved) return status;
  }
}

/// Runs `body` in a child process; returns its pid.
template <class F>
pid_t in_child(F&& body) {
  const pid_t child = ::fork();
  if (child == 0) {
    int code = 1;
    try {
      code = body();
    } catch (const std::exception&) {
      code = 99;
    }
    ::_exit(code);
  }
  return child;
}

inline int wait_for_child(pid_t child) {
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace camring::test
