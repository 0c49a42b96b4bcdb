// Another process scribbles over a ring while readers read it: they may be refused frames, but never crash,
// never look outside their mapping, never loop without end, and a whole ring after it is read as if nothing
// had been.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <array>
#include <cstring>
#include <fstream>
#include <random>
#include <thread>

#include "base/unique_fd.h"
#include "payload.h"
#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

// Numbers that break arithmetic more often than random ones do.
std::uint64_t nasty(std::mt19937_64& random) {
  static constexpr std::array<std::uint64_t, 12> kValues{0,
                                                         1,
                                                         2,
                                                         0x7f,
                                                         0xffff,
                                                         0x7fffffff,
                                                         0xffffffff,
                                                         0x100000000,
                                                         0x7fffffffffffffff,
                                                         0x8000000000000000,
                                                         ~std::uint64_t{0},
                                                         ~std::uint64_t{0} - 4095};
  const std::uint64_t choice = random() % (kValues.size() + 4);
  return choice < kValues.size() ? kValues[choice] : random();
}

// Damages the file in place, mends it from time to time, cuts it, and puts others in its place. Runs until
// killed.
[[noreturn]] void scribble(const std::string& path, const Bytes& good, std::uint64_t seed,
                           std::size_t metadata_bytes) {
  std::mt19937_64 random(seed);
  for (std::uint64_t round = 0;; ++round) {
    const UniqueFd fd(::open(path.c_str(), O_RDWR | O_CLOEXEC));
    if (!fd) ::_exit(2);
    const auto put = [&](std::size_t at, const void* bytes, std::size_t size) {
      [[maybe_unused]] const ssize_t written = ::pwrite(fd.get(), bytes, size, static_cast<off_t>(at));
    };
    const std::uint64_t kind = random() % 100;
    if (kind < 80) {
      for (int i = 0; i < 4; ++i) {
        // Mostly where offsets and counters are.
        const std::size_t span = random() % 3 != 0 ? std::min(good.size(), metadata_bytes) : good.size();
        const std::size_t width = std::size_t{1} << random() % 4;
        const std::size_t at = random() % (span - 8) / width * width;
        const std::uint64_t value = nasty(random);
        put(at, &value, width);
      }
    } else if (kind < 95) {
      put(0, good.data(), good.size());
    } else if (kind < 98) {
      [[maybe_unused]] const int cut = ::ftruncate(fd.get(), static_cast<off_t>(random() % good.size()));
    } else {
      // Another file under the same name: whole, or noise.
      const std::string other = path + ".scribble";
      Bytes bytes = good;
      for (int i = 0; i < 8; ++i)
        bytes[random() % std::min(bytes.size(), metadata_bytes)] = static_cast<std::uint8_t>(random());
      std::ofstream(other, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
      ::rename(other.c_str(), path.c_str());
    }
    if (round % 4 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
  }
}

// Looks at every byte that it is shown.
std::uint64_t touch(std::span<const std::uint8_t> bytes) {
  std::uint64_t sum = 0;
  for (const std::uint8_t byte : bytes) sum += byte;
  return sum;
}

void survive(const RingSpec& spec, std::uint64_t seed) {
  CAPTURE(seed);
  RingDirectory directory;
  const std::string path = directory.file(spec.name);
  Bytes good;
  {
    RingWriter writer(spec);
    CommitInfo info;
    info.metadata = R"({"a":1})";
    for (int i = 0; i < 20; ++i) {
      const std::size_t bytes =
          std::max<std::size_t>(writer.format().raw_bytes(), 500 + 37 * static_cast<std::size_t>(i));
      writer.publish(payload_of(writer.next_number(), bytes), info);
    }
    good = read_file(path);
  }
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(good.data()), static_cast<std::streamsize>(good.size()));
  const pid_t scribbler = ::fork();
  if (scribbler == 0) scribble(path, good, seed, 16 * 1024);

  std::array<std::uint64_t, 4> statuses{};
  std::uint64_t sum = 0;
  std::vector<std::unique_ptr<RingReader>> readers;
  {
    Bytes copy;
    std::string metadata;
    const auto end = std::chrono::steady_clock::now() + 1500ms;
    for (std::uint64_t round = 0; std::chrono::steady_clock::now() < end; ++round) {
      if (readers.size() < 3 || round % 512 == 0) {
        if (readers.size() == 3) readers.erase(readers.begin());
        try {
          readers.push_back(std::make_unique<RingReader>(
              spec.name,
              ReaderOptions{.start = static_cast<ReadStart>(round % 3), .connect = false, .label = "x"}));
        } catch (const Error&) {  // refused: as good an answer as any
        }
      }
      for (const auto& reader : readers) {
        FrameView view;
        const ReadStatus status = round % 2 == 0 ? reader->next(view, 1ms) : reader->newest(view, 1ms);
        ++statuses[static_cast<std::size_t>(status)];
        if (status != ReadStatus::frame) continue;
        sum += touch(view.payload) + touch(view.metadata);
        (void)reader->still_valid(view);
        (void)reader->copy(view, copy, &metadata);
        (void)reader->writer_state();
        (void)describe(reader->format());
      }
      if (round % 64 == 0) (void)list_rings(false);
    }
  }
  ::kill(scribbler, SIGKILL);
  ::waitpid(scribbler, nullptr, 0);
  CHECK(statuses[static_cast<std::size_t>(ReadStatus::frame)] > 0);
  CHECK(statuses[static_cast<std::size_t>(ReadStatus::corrupt)] > 0);
  CHECK(sum > 0);

  // A new writer takes the damaged name, and who saw the damage reads it as if nothing had been.
  REQUIRE_FALSE(readers.empty());
  RingReader& reader = *readers.front();
  RingWriter writer(spec);
  const std::size_t bytes = std::max<std::size_t>(writer.format().raw_bytes(), 700);
  std::uint64_t number = put(writer, bytes);
  // The damaged ring may have had frames to show before the reader moves on.
  bool right = false;
  Bytes copy;
  std::string seen;
  for (int tries = 0; tries < 100 && !right; ++tries) {
    FrameView view;
    // A reader that let go of a damaged ring starts as it was told to: perhaps with what comes from now on.
    if (tries % 10 == 9) number = put(writer, bytes);
    const ReadStatus next = reader.next(view, 100ms);
    seen += " " + std::to_string(static_cast<int>(next));
    if (next != ReadStatus::frame) continue;
    seen += ":" + std::to_string(view.info.number);
    right = view.info.number == number && reader.copy(view, copy) && copy == payload_of(number, bytes);
  }
  CAPTURE(number, seen, reader.epoch());
  CHECK(right);
}

}  // namespace

TEST_CASE("readers survive a process that scribbles over a ring of raw frames") {
  for (const std::uint64_t seed : {1, 2}) survive(gray_spec("cam0"), seed);
}

TEST_CASE("readers survive a process that scribbles over a ring of variable frames") {
  for (const std::uint64_t seed : {3, 4}) survive(video_spec("cam0", 64 * 1024), seed);
}
