// A ring's file with any content: refused or read, never outside its mapping. The first bytes of the input go
// over a good small ring's header and index at an offset that the input chooses.
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <string>
#include <vector>

#include "base/error.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace {

using namespace camring;

std::string& directory() {
  static std::string path = [] {
    std::string made = "/dev/shm/camring-fuzz-XXXXXX";
    if (::mkdtemp(made.data()) == nullptr) std::abort();
    ::setenv("CAMRING_DIR", made.c_str(), 1);
    return made;
  }();
  return path;
}

void remove_all() {
  ::unlink((directory() + "/camring.bad").c_str());
  ::rmdir(directory().c_str());
}

const std::vector<char>& good_ring() {
  static const std::vector<char> bytes = [] {
    directory();
    std::atexit(remove_all);
    RingSpec spec;
    spec.name = "good";
    spec.format = raw_format(PixelFormat::gray8, {16, 16}, {30, 1});
    spec.control = false;
    RingWriter writer(spec);
    for (int i = 0; i < 5; ++i) {
      CommitInfo info;
      info.metadata = "{}";
      writer.publish(std::vector<std::uint8_t>(256, 3), info);
    }
    std::ifstream file(directory() + "/camring.good", std::ios::binary);
    return std::vector<char>(std::istreambuf_iterator<char>(file), {});
  }();
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::vector<char> bytes = good_ring();
  if (size >= 2) {
    const std::size_t at = static_cast<std::size_t>(data[0] | data[1] << 8) % bytes.size();
    std::memcpy(bytes.data() + at, data + 2, std::min(size - 2, bytes.size() - at));
  }
  std::ofstream(directory() + "/camring.bad", std::ios::binary)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  try {
    for (const ReadStart start : {ReadStart::newest, ReadStart::oldest}) {
      ReaderOptions options;
      options.start = start;
      RingReader reader("bad", options);
      FrameView view;
      unsigned sum = 0;
      for (int i = 0; i < 20 && reader.next(view, std::chrono::nanoseconds(0)) == ReadStatus::frame; ++i) {
        for (const std::uint8_t byte : view.payload) sum += byte;
        for (const std::uint8_t byte : view.metadata) sum += byte;
        sum += reader.still_valid(view) ? 1 : 0;
      }
      (void)reader.writer_state();
      if (sum == 0xdeadbeef) std::abort();  // the sum is used: the reads are not optimised away
    }
  } catch (const Error&) {
  }
  return 0;
}
