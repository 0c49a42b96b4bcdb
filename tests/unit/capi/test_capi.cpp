#include <camring/ring.h>
#include <unistd.h>

#include <cstddef>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <string>

#include "catch.h"

// The layout that programs were compiled against; a change here needs a new soname.
static_assert(sizeof(camring_plane) == 12);
static_assert(sizeof(camring_format) == 4184);
static_assert(offsetof(camring_format, planes) == 32 && offsetof(camring_format, extradata) == 88);
static_assert(sizeof(camring_frame) == 96);
static_assert(offsetof(camring_frame, payload) == 48 && offsetof(camring_frame, missed) == 80);

namespace {

struct Directory {
  Directory() {
    std::string made = "/dev/shm/camring-capi-XXXXXX";
    REQUIRE(::mkdtemp(made.data()) != nullptr);
    path = made;
    ::setenv("CAMRING_DIR", path.c_str(), 1);
  }
  ~Directory() { std::filesystem::remove_all(path); }
  std::string path;
};

constexpr std::uint32_t kGrey = 0x59455247;  // V4L2_PIX_FMT_GREY

}  // namespace

TEST_CASE("a C program writes in place and another reads what it wrote") {
  Directory directory;
  camring_format format{};
  format.struct_bytes = sizeof format;
  REQUIRE(camring_raw_format(kGrey, 32, 16, &format) == 0);
  CHECK(format.planes[0].stride_bytes == 32);
  camring_writer* writer = nullptr;
  REQUIRE(camring_writer_open("cam0", &format, 4, &writer) == 0);
  camring_reader* reader = nullptr;
  REQUIRE(camring_reader_open("cam0", CAMRING_START_LIVE, "c test", &reader) == 0);
  CHECK(camring_reader_writer_state(reader) == CAMRING_WRITER_STARTING);

  std::uint8_t* pixels = camring_writer_claim(writer, 32 * 16);
  REQUIRE(pixels != nullptr);
  std::memset(pixels, 99, 32 * 16);
  camring_frame info{};
  info.flags = CAMRING_KEYFRAME;
  info.capture_ns = 4711;
  info.source_number = UINT64_MAX;
  CHECK(camring_writer_commit(writer, 32 * 16, &info) == 0);
  CHECK(camring_writer_commit(writer, 32 * 16, &info) == -64);

  camring_frame frame{};
  frame.struct_bytes = sizeof frame;
  REQUIRE(camring_reader_next(reader, &frame, 1'000'000'000, 0) == CAMRING_GOT_FRAME);
  CHECK(frame.number == 0);
  CHECK(frame.source_number == 0);
  CHECK(frame.capture_ns == 4711);
  CHECK(frame.payload_bytes == 32 * 16);
  CHECK(frame.payload[100] == 99);
  CHECK(camring_reader_valid(reader, &frame) == 1);
  for (int i = 0; i < 40; ++i) {
    const std::string grey(32 * 16, 'x');
    CHECK(camring_writer_publish(writer, reinterpret_cast<const std::uint8_t*>(grey.data()), grey.size(),
                                 &info) == 0);
  }
  CHECK(camring_reader_valid(reader, &frame) == 0);
  REQUIRE(camring_raw_format(kGrey, 64, 64, &format) == 0);
  CHECK(camring_writer_reconfigure(writer, &format) == 0);
  while (camring_reader_next(reader, &frame, 1'000'000'000, 0) == CAMRING_GOT_FRAME) {
  }
  camring_format seen{};
  seen.struct_bytes = sizeof seen;
  REQUIRE(camring_reader_format(reader, &seen) == 0);
  CHECK(seen.width == 64);
  camring_reader_close(reader);
  camring_writer_close(writer);
  CHECK(std::filesystem::is_empty(directory.path));
}

TEST_CASE("C errors are negative exit codes with words") {
  Directory directory;
  camring_reader* reader = nullptr;
  CHECK(camring_reader_open("../etc", 0, nullptr, &reader) == -64);
  CHECK(std::string(camring_error()).find("not a ring name") != std::string::npos);
  CHECK(camring_reader_open("cam0", 9, nullptr, &reader) == -64);
  REQUIRE(camring_reader_open("cam0", 0, nullptr, &reader) == 0);
  camring_format format{};
  format.struct_bytes = sizeof format;
  CHECK(camring_reader_format(reader, &format) == -66);
  camring_frame frame{};
  CHECK(camring_reader_next(reader, &frame, 0, 0) == -64);
  frame.struct_bytes = sizeof frame;
  CHECK(camring_reader_next(reader, &frame, 0, 0) == CAMRING_GOT_NOTHING);
  camring_reader_close(reader);
  camring_reader_close(nullptr);
  camring_writer_close(nullptr);
  camring_writer* writer = nullptr;
  format.codec = CAMRING_RAW;
  CHECK(camring_writer_open("cam0", &format, 4, &writer) == -64);
  CHECK(camring_raw_format(1234, 10, 10, &format) == -64);
}
