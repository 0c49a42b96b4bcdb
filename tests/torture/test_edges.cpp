// Corners of the ring that review and torture found: each of these once went wrong.
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <atomic>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/unique_fd.h"
#include "ring/ring_layout.h"
#include "ring_fixture.h"

using namespace camring;
using namespace camring::test;

namespace {

RingSpec jpeg_spec(const std::string& name, std::uint64_t arena_bytes) {
  RingSpec spec;
  spec.name = name;
  spec.format = coded_format(Codec::mjpeg, {64, 48}, {30, 1});
  spec.arena_bytes = arena_bytes;
  spec.control = false;
  return spec;
}

// A writer's file as a killed writer leaves it: the lock is free, the ring stands.
pid_t killed_writer(const RingSpec& spec, int frames) {
  std::array<int, 2> ready{};
  REQUIRE(::pipe(ready.data()) == 0);
  const pid_t child = in_child([&] {
    RingWriter writer(spec);
    for (int i = 0; i < frames; ++i) put(writer, std::max<std::size_t>(1, writer.format().raw_bytes()));
    [[maybe_unused]] const auto written = ::write(ready[1], "x", 1);
    ::pause();
    return 0;
  });
  ::close(ready[1]);  // else a child that ends early would leave us waiting for ourselves
  char byte = 0;
  REQUIRE(::read(ready[0], &byte, 1) == 1);
  ::close(ready[0]);
  ::kill(child, SIGKILL);
  wait_for_child(child);
  return child;
}

void overwrite(const std::string& path, std::size_t offset, std::uint64_t value) {
  const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  REQUIRE(::pwrite(fd.get(), &value, sizeof value, static_cast<off_t>(offset)) == sizeof value);
}

bool asleep(pid_t thread) {
  std::ifstream file("/proc/self/task/" + std::to_string(thread) + "/stat");
  std::string text;
  std::getline(file, text);
  const auto bracket = text.rfind(')');
  return bracket != std::string::npos && bracket + 2 < text.size() && text[bracket + 2] == 'S';
}

}  // namespace

TEST_CASE(
    "metadata that was not claimed is left out, also after a claim that was dropped behind the arena's end") {
  RingDirectory directory;
  const int code = wait_for_child(in_child([] {
    RingWriter writer(jpeg_spec("cam0", 8192));
    put(writer, 3000);
    put(writer, 3000);
    if (!writer.claim(4000)) return 5;  // begins at the arena's start again, and is dropped
    Claim claim = writer.claim(2112);   // fits before the end, with 64 bytes to spare
    if (!claim) return 2;
    const std::string metadata(4000, 'm');
    CommitInfo info;
    info.metadata = metadata;
    std::fill(claim.data().begin(), claim.data().end(), std::uint8_t{7});
    writer.commit(std::move(claim), 2112, info);
    RingReader reader("cam0");
    FrameView view;
    if (reader.next(view, 0s) != ReadStatus::frame) return 3;
    return view.payload.size() == 2112 && view.metadata.empty() ? 42 : 4;
  }));
  CHECK(code == 42);
}

TEST_CASE("a writer that can't start the thread that helps it wake publishes all the same") {
  RingDirectory directory;
  const int code = wait_for_child(in_child([] {
    RingWriter writer([] {
      RingSpec spec = gray_spec("cam0");
      spec.control = false;
      return spec;
    }());
    constexpr std::size_t kReaders = 4;
    constexpr std::uint64_t kFrames = 20;
    std::array<std::atomic<pid_t>, kReaders> ids{};
    std::array<std::atomic<std::uint64_t>, kReaders> got{};
    std::vector<std::thread> readers;
    for (std::size_t i = 0; i < kReaders; ++i) {
      readers.emplace_back([&, i] {
        RingReader reader("cam0", {.start = ReadStart::oldest});
        ids[i] = ::gettid();
        FrameView view;
        while (got[i] < kFrames && reader.next(view, 20s) == ReadStatus::frame) got[i] = view.info.number + 1;
      });
    }
    for (const auto& id : ids) {
      while (id == 0) std::this_thread::yield();
    }
    // Root may start threads beyond any limit, somebody else not.
    if (::geteuid() == 0 && ::setresuid(54321, 54321, 54321) != 0) return 2;
    const rlimit none{0, 0};
    ::setrlimit(RLIMIT_NPROC, &none);
    try {
      std::thread([] {}).join();
      return 77;
    } catch (const std::system_error&) {  // as it should be
    }
    for (std::uint64_t n = 0; n < kFrames; ++n) {
      for (std::size_t i = 0; i < kReaders; ++i) {
        while (got[i] < n || !asleep(ids[i])) std::this_thread::yield();
      }
      try {
        put_gray(writer);
      } catch (const std::system_error&) {
        ::_exit(3);
      }
    }
    for (std::thread& reader : readers) reader.join();
    return writer.next_number() == kFrames ? 42 : 4;
  }));
  if (code == 77) {
    WARN("skipped: threads can't be limited here");
    return;
  }
  CHECK(code == 42);
}

TEST_CASE("publishing nothing is refused and leaves the ring as it is") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  const auto before = std::filesystem::file_size(directory.file("cam0"));
  CHECK_THROWS_AS(writer.publish({}, {}), Error);
  CHECK(std::filesystem::file_size(directory.file("cam0")) == before);
  CHECK(ring_status("cam0", false).epoch == 1);
  CHECK(put_gray(writer) == 1);
}

TEST_CASE("a ring left behind with impossible numbers does not spoil the next writer's") {
  RingDirectory directory;
  killed_writer(gray_spec("cam0"), 3);
  overwrite(directory.file("cam0"), 8192, ~0ull - 1);  // head
  overwrite(directory.file("cam0"), 32, ~0ull);        // epoch
  RingWriter writer(gray_spec("cam0"));
  RingReader reader("cam0", {.start = ReadStart::oldest});
  for (int i = 0; i < 5; ++i) put_gray(writer);
  FrameView view;
  for (int i = 0; i < 5; ++i) REQUIRE(reader.next(view, 10s) == ReadStatus::frame);
  CHECK(view.info.number == writer.next_number() - 1);
  CHECK(reader.epoch() > 0);
}

TEST_CASE("numbers that began again count as nothing missed, also when their first writer died meanwhile") {
  RingDirectory directory;
  FrameView view;
  RingReader reader("cam0", {.start = ReadStart::oldest});
  {
    RingWriter writer(gray_spec("cam0"));
    put_gray(writer);
    REQUIRE(read_frame(reader, view) == ReadStatus::frame);
  }
  killed_writer(gray_spec("cam0"), 5);  // numbers 0 to 4 of another run
  RingWriter writer(gray_spec("cam0"));
  CHECK(put_gray(writer) == 5);
  REQUIRE(read_frame(reader, view) == ReadStatus::frame);
  CHECK(view.info.number == 5);
  CHECK(view.missed == 0);
}

TEST_CASE("a reader of a ring that stays damaged does not spin") {
  RingDirectory directory;
  killed_writer(gray_spec("cam0"), 3);
  overwrite(directory.file("cam0"), 8192, 1000);  // a head without its frames
  RingReader reader("cam0");
  FrameView view;
  const std::int64_t end = monotonic_ns() + 500'000'000;
  int calls = 0, damaged = 0;
  while (monotonic_ns() < end) {
    ++calls;
    if (reader.next(view, 1s) == ReadStatus::corrupt) ++damaged;
  }
  CHECK(damaged > 0);
  CHECK(calls < 1000);
}

TEST_CASE(
    "a writer out of descriptors refuses consumers without spinning, and takes them when it can again") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  {
    // The control channel is up once it has served somebody: from then on it opens nothing of its own.
    const RingReader first("cam0", {.connect = true});
    while (writer.consumer_count() == 0) std::this_thread::yield();
  }
  while (writer.consumer_count() != 0) std::this_thread::yield();
  struct Limit {
    Limit() { ::getrlimit(RLIMIT_NOFILE, &before); }
    ~Limit() { lift(); }
    void lift() const { ::setrlimit(RLIMIT_NOFILE, &before); }
    rlimit before{};
  } limit;
  rlimit tight = limit.before;
  tight.rlim_cur = 256;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &tight) == 0);
  std::vector<UniqueFd> fill;
  for (;;) {
    UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    if (!fd) break;
    fill.push_back(std::move(fd));
  }
  // Room for the reader's own socket, none for the writer's end.
  fill.pop_back();
  std::vector<RingReader> readers;
  readers.emplace_back("cam0", ReaderOptions{.connect = true});
  const std::int64_t cpu = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
  const timespec half{0, 500'000'000};
  ::nanosleep(&half, nullptr);
  CHECK(clock_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu < 300'000'000);
  CHECK(writer.consumer_count() == 0);
  limit.lift();
  const std::int64_t end = monotonic_ns() + 20'000'000'000;
  while (writer.consumer_count() == 0 && monotonic_ns() < end) std::this_thread::yield();
  CHECK(writer.consumer_count() == 1);
}

TEST_CASE("a signal that is lost after the end does not make the ring look alive") {
  RingDirectory directory;
  RingWriter writer(gray_spec("cam0"));
  put_gray(writer);
  const RingReader reader("cam0");
  writer.close();
  CHECK(reader.writer_state() == WriterState::ended);
  writer.set_signal(false);
  CHECK(reader.writer_state() == WriterState::ended);
}

TEST_CASE("a lock file that a dead writer left gets the mode that the next one orders") {
  RingDirectory directory;
  killed_writer(gray_spec("cam0"), 1);
  RingSpec spec = gray_spec("cam0");
  spec.mode = 0644;
  const RingWriter writer(spec);
  struct stat status {};
  REQUIRE(::stat(directory.file("cam0.lock").c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0644);
}
