// Rings whose bytes are wrong, by accident or on purpose: refused or survived, never believed.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <fstream>
#include <random>

#include "base/unique_fd.h"
#include "ring/ring_layout.h"
#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

namespace {

std::vector<char> slurp(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

void spit(const std::string& path, const std::vector<char>& bytes) {
  std::ofstream(path, std::ios::binary).write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

// A whole ring's file with frames in it, to be damaged.
std::vector<char> good_ring(const RingDirectory& directory) {
  RingWriter writer(gray_spec("good"));
  for (int i = 0; i < 12; ++i) put_gray(writer);
  return slurp(directory.file("good"));
}

ExitCode open_code(const std::string& name) {
  try {
    const RingReader reader(name);
    return reader.attached() ? ExitCode::ok : ExitCode::no_input;
  } catch (const Error& error) {
    return error.code();
  }
}

}  // namespace

TEST_CASE("a file of the wrong size, version or content is refused as bad data") {
  RingDirectory directory;
  const auto good = good_ring(directory);
  const auto with = [&](std::size_t offset, std::uint32_t value) {
    auto bytes = good;
    std::memcpy(bytes.data() + offset, &value, sizeof value);
    return bytes;
  };
  spit(directory.file("bad"), {});
  CHECK(open_code("bad") == ExitCode::data);
  spit(directory.file("bad"), std::vector<char>(100, 'x'));
  CHECK(open_code("bad") == ExitCode::data);
  spit(directory.file("bad"), std::vector<char>(1 << 20, 'x'));
  CHECK(open_code("bad") == ExitCode::data);
  auto cut = good;
  cut.resize(cut.size() / 2);
  spit(directory.file("bad"), cut);
  CHECK(open_code("bad") == ExitCode::data);
  // abi_version, header_bytes, index_depth, entry_bytes, index_offset, arena_offset, arena_bytes, codec,
  // pixel format, width, plane count, a plane's stride, extradata's size.
  for (const std::size_t offset : {8u, 12u, 80u, 84u, 88u, 96u, 104u, 112u, 116u, 120u, 136u, 148u, 208u}) {
    INFO(offset);
    spit(directory.file("bad"), with(offset, 0xfffffff1));
    CHECK(open_code("bad") == ExitCode::data);
  }
  spit(directory.file("bad"), good);
  CHECK(open_code("bad") == ExitCode::ok);
  std::filesystem::remove(directory.file("bad"));
  std::filesystem::create_directory(directory.file("bad"));
  CHECK(open_code("bad") == ExitCode::data);
}

TEST_CASE("random damage to header, index and counters never leaves the mapping or loops for ever") {
  RingDirectory directory;
  const auto good = good_ring(directory);
  std::mt19937 random(20261120);
  int opened = 0;
  for (int round = 0; round < 3000; ++round) {
    auto bytes = good;
    const std::size_t interesting = sizeof(layout::Header) + 64 * sizeof(layout::Entry);
    const int hits = 1 + static_cast<int>(random() % 8);
    for (int i = 0; i < hits; ++i) {
      const std::size_t at = random() % interesting;
      bytes[at] = random() % 2 != 0 ? static_cast<char>(random()) : static_cast<char>(0xff);
    }
    spit(directory.file("bad"), bytes);
    try {
      RingReader reader("bad", {.start = static_cast<ReadStart>(random() % 3)});
      ++opened;
      FrameView view;
      std::uint64_t sum = 0;
      for (int i = 0; i < 40; ++i) {
        const ReadStatus status = random() % 2 != 0 ? reader.next(view, 0s) : reader.newest(view, 0s);
        if (status == ReadStatus::corrupt) break;
        if (status != ReadStatus::frame) continue;
        for (const std::uint8_t byte : view.payload) sum += byte;  // under ASan: inside the mapping or not
        for (const std::uint8_t byte : view.metadata) sum += byte;
        (void)reader.still_valid(view);
      }
      (void)reader.writer_state();
      (void)sum;
    } catch (const Error&) {
    }
    if (round % 16 == 0) (void)list_rings(true);
  }
  CHECK(opened > 100);  // the damage is not always fatal, so the reading was really tried
}

TEST_CASE("a ring truncated under a reader ends that ring, not the process") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0", {640, 480}));
  for (int i = 0; i < 5; ++i) put_gray(writer);
  const pid_t child = in_child([&] {
    RingReader reader("cam0");
    FrameView view;
    if (reader.next(view, 1s) != ReadStatus::frame) return 2;
    if (::truncate(directory.file("cam0").c_str(), 4096) != 0) return 3;
    std::vector<std::uint8_t> copied;
    if (reader.copy(view, copied)) return 4;
    return reader.next(view, 0s) == ReadStatus::corrupt ? 42 : 5;
  });
  CHECK(wait_for_child(child) == 42);
}

TEST_CASE("a ring replaced by garbage while it is read is an error, and good again when it is good again") {
  RingDirectory directory;
  const auto garbage = std::vector<char>(1 << 16, 'z');
  FrameView view;
  {
    RingWriter writer(gray_spec("cam0"));
    put_gray(writer);
  }
  RingReader reader("cam0");
  spit(directory.file("cam0"), garbage);
  CHECK(reader.next(view, 1s) == ReadStatus::corrupt);
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  CHECK(read_frame(reader, view) == ReadStatus::frame);
}
