// Writers and readers are killed and stopped at random instants, and the ring's promises are checked all the
// while: nothing torn is handed out as whole, numbers never go back, seen and missed add up exactly, a new
// writer owns the ring at once, readers follow by themselves, and nothing is left behind that the tools don't
// list.
//   kills [--seed N] [--kills 1000] [--minutes M] [--readers 16] [--trust]
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "payload.h"
#include "ring/ring_list.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace {

using namespace camring;
using namespace camring::torture;
using namespace std::chrono_literals;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kWatchdog = 30 * kSecond;
constexpr int kRings = 2;
constexpr std::array<const char*, kRings> kNames{"torture.raw", "torture.variable"};

struct Options {
  std::uint64_t seed = 1;
  int kills = 1000, readers = 16;
  double minutes = 0;
  bool trust = false;
};

// What processes report; it outlives them.
struct ReaderReport {
  std::atomic<std::uint64_t> frames{0}, missed{0}, overwritten{0}, torn{0}, wrong_order{0}, wrong_ledger{0},
      corrupt{0};
  std::atomic<std::uint64_t> epoch{0};  // of the newest frame of the process that reads now
  std::atomic<std::uint64_t> follows{0};
};
struct WriterReport {
  std::atomic<std::int64_t> owned_ns{0};  // 0: not yet
  std::atomic<std::uint64_t> frames{0};
};
struct Shared {
  std::array<WriterReport, kRings> writers;
  std::array<ReaderReport, 64> readers;
};

[[noreturn]] void write_ring(int ring, WriterReport& report, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  RingSpec spec;
  spec.name = kNames[static_cast<std::size_t>(ring)];
  spec.writer = "torture";
  if (ring == 0) {
    spec.format = raw_format(PixelFormat::gray8, {128, 96}, {30, 1});
    spec.frames = 6;
  } else {
    spec.format = coded_format(Codec::mjpeg, {640, 480}, {30, 1});
    spec.arena_bytes = 256 * 1024;
    spec.frames = 16;
  }
  RingWriter writer(spec);
  report.owned_ns = monotonic_ns();
  CommitInfo info;
  for (;;) {
    const std::uint64_t number = writer.next_number();
    const std::size_t bytes = ring == 0 ? writer.format().raw_bytes() : size_of(number);
    Claim claim = writer.claim(bytes);
    if (!claim) ::_exit(3);
    fill(claim.data(), number);
    info.capture_ns = monotonic_ns();
    if (writer.commit(std::move(claim), bytes, info) != number) ::_exit(4);
    report.frames.fetch_add(1, std::memory_order_relaxed);
    const std::uint64_t pause = random() % 64;
    if (pause < 8)
      std::this_thread::sleep_for(std::chrono::microseconds(pause * 400));
    else if (pause < 32)
      std::this_thread::sleep_for(100us);
    writer.beat_loop();
  }
}

[[noreturn]] void read_ring(int ring, ReaderReport& report, std::uint64_t seed, bool trust) {
  std::mt19937_64 random(seed);
  const auto start = static_cast<ReadStart>(random() % 3);
  RingReader reader(kNames[static_cast<std::size_t>(ring)],
                    {.start = start, .connect = random() % 2 == 0, .label = "torture"});
  const bool newest = random() % 4 == 0;
  bool first = true;
  std::uint64_t last = 0, epoch = 0;
  report.epoch = 0;
  FrameView view;
  std::vector<std::uint8_t> copy;
  for (;;) {
    const ReadStatus status = newest ? reader.newest(view, 100ms) : reader.next(view, 100ms);
    if (status == ReadStatus::corrupt) report.corrupt.fetch_add(1);
    if (status != ReadStatus::frame) continue;
    const std::uint64_t number = view.info.number;
    if (!first && number <= last) report.wrong_order.fetch_add(1);
    if (!first && number != last + view.missed + 1) report.wrong_ledger.fetch_add(1);
    first = false;
    last = number;
    if (reader.epoch() != epoch) {
      if (epoch != 0) report.follows.fetch_add(1);
      epoch = reader.epoch();
    }
    report.missed.fetch_add(view.missed);
    // The slower the reader, the more of what it looks at is overwritten.
    if (random() % 16 == 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 4000));
    // In place and checked afterwards, or copied and checked by the copy.
    bool handed_out = false, right = false;
    if (random() % 2 == 0) {
      right = whole(view.payload, number);
      handed_out = trust || reader.still_valid(view);
    } else {
      handed_out = reader.copy(view, copy) || trust;
      right = whole(copy, number);
    }
    if (handed_out && !right) report.torn.fetch_add(1);
    if (!handed_out) report.overwritten.fetch_add(1);
    report.frames.fetch_add(1);
    report.epoch = epoch;
    if (random() % 256 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(random() % 20));
  }
}

class Torture {
 public:
  explicit Torture(const Options& options) : options_(options), random_(options.seed) {
    std::string path = "/dev/shm/camring-torture-XXXXXX";
    if (::mkdtemp(path.data()) == nullptr) throw Error(ExitCode::system, "make a directory", path, "failed");
    directory_ = path;
    ::setenv("CAMRING_DIR", path.c_str(), 1);
    void* memory = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw Error(ExitCode::system, "map memory", "", "failed");
    shared_ = new (memory) Shared;
    readers_.resize(static_cast<std::size_t>(options.readers));
  }
  ~Torture() {
    for (const pid_t pid : writers_) end(pid);
    for (const pid_t pid : readers_) end(pid);
    std::filesystem::remove_all(directory_);
  }
  Torture(const Torture&) = delete;
  Torture& operator=(const Torture&) = delete;

  void run() {
    for (int ring = 0; ring < kRings; ++ring) start_writer(ring);
    for (std::size_t i = 0; i < readers_.size(); ++i) start_reader(i);
    const std::int64_t end_ns = monotonic_ns() + static_cast<std::int64_t>(options_.minutes * 60 * kSecond);
    while (options_.minutes > 0 ? monotonic_ns() < end_ns : kills_ < options_.kills) strike();
  }

  bool finish() {
    // Every reader that lives follows to the last writer: nobody was left behind on a dead ring.
    for (std::size_t i = 0; i < readers_.size(); ++i) ::kill(readers_[i], SIGCONT);
    for (int ring = 0; ring < kRings; ++ring) kill_writer(ring);
    const std::int64_t deadline = monotonic_ns() + kWatchdog;
    std::array<std::uint64_t, kRings> epochs{};
    for (int ring = 0; ring < kRings; ++ring) {
      epochs[static_cast<std::size_t>(ring)] =
          ring_status(kNames[static_cast<std::size_t>(ring)], false).epoch;
    }
    for (std::size_t i = 0; i < readers_.size(); ++i) {
      while (shared_->readers[i].epoch < epochs[i % kRings]) {
        if (monotonic_ns() > deadline) {
          std::fprintf(stderr, "reader %zu did not follow to the last writer\n", i);
          return false;
        }
        std::this_thread::sleep_for(1ms);
      }
    }
    for (pid_t& pid : readers_) end(std::exchange(pid, 0));
    for (pid_t& pid : writers_) end(std::exchange(pid, 0));
    return report() && nothing_left();
  }

 private:
  // Children of this process by pid, and nobody else.
  static void end(pid_t pid) {
    if (pid <= 0) return;
    ::kill(pid, SIGKILL);
    ::waitpid(pid, nullptr, 0);
  }

  void start_writer(int ring) {
    const auto index = static_cast<std::size_t>(ring);
    shared_->writers[index].owned_ns = 0;
    const std::uint64_t seed = random_();
    const std::int64_t began = monotonic_ns();
    const pid_t pid = ::fork();
    if (pid == 0) {
      try {
        write_ring(ring, shared_->writers[index], seed);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "writer: %s\n", error.what());
        ::_exit(2);
      }
    }
    writers_[index] = pid;
    while (shared_->writers[index].owned_ns == 0) {
      int status = 0;
      if (::waitpid(pid, &status, WNOHANG) == pid || monotonic_ns() - began > kWatchdog) {
        throw Error(ExitCode::internal, "take the ring over", kNames[index], "the new writer did not own it");
      }
      std::this_thread::sleep_for(50us);
    }
    takeovers_ns_.push_back(shared_->writers[index].owned_ns - began);
  }

  void start_reader(std::size_t i) {
    const std::uint64_t seed = random_();
    const pid_t pid = ::fork();
    if (pid == 0) {
      try {
        read_ring(static_cast<int>(i % kRings), shared_->readers[i], seed, options_.trust);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "reader: %s\n", error.what());
        ::_exit(2);
      }
    }
    readers_[i] = pid;
  }

  void kill_writer(int ring) {
    end(writers_[static_cast<std::size_t>(ring)]);
    start_writer(ring);
  }

  void pause_some(pid_t pid) {
    ::kill(pid, SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 30));
    ::kill(pid, SIGCONT);
  }

  void strike() {
    std::this_thread::sleep_for(std::chrono::microseconds(random_() % 60'000));
    const std::uint64_t what = random_() % 100;
    const std::size_t reader = random_() % readers_.size();
    const int ring = static_cast<int>(random_() % kRings);
    if (what < 40) {
      ++kills_;
      kill_writer(ring);
    } else if (what < 80) {
      ++kills_;
      // A reader that dies by itself is a failure; one that we kill is replaced.
      int status = 0;
      if (::waitpid(readers_[reader], &status, WNOHANG) != 0) {
        throw Error(ExitCode::internal, "read", kNames[reader % kRings], "a reader died by itself");
      }
      end(readers_[reader]);
      start_reader(reader);
    } else if (what < 90) {
      pause_some(readers_[reader]);
    } else {
      pause_some(writers_[static_cast<std::size_t>(ring)]);
    }
  }

  bool report() {
    std::uint64_t frames = 0, missed = 0, overwritten = 0, torn = 0, order = 0, ledger = 0, corrupt = 0,
                  follows = 0, written = 0;
    for (const ReaderReport& one : shared_->readers) {
      frames += one.frames;
      missed += one.missed;
      overwritten += one.overwritten;
      torn += one.torn;
      order += one.wrong_order;
      ledger += one.wrong_ledger;
      corrupt += one.corrupt;
      follows += one.follows;
    }
    for (const WriterReport& one : shared_->writers) written += one.frames;
    std::sort(takeovers_ns_.begin(), takeovers_ns_.end());
    const std::int64_t longest = takeovers_ns_.back();
    std::printf(
        "seed %llu: %d kills; %llu frames written, %llu read, %llu missed, %llu overwritten while being read "
        "and "
        "noticed; %llu moves to a new writer\n",
        static_cast<unsigned long long>(options_.seed), kills_, static_cast<unsigned long long>(written),
        static_cast<unsigned long long>(frames), static_cast<unsigned long long>(missed),
        static_cast<unsigned long long>(overwritten), static_cast<unsigned long long>(follows));
    std::printf(
        "a new writer owned the ring after %.1f ms (median), %.1f ms (longest), its start as a process "
        "included\n",
        static_cast<double>(takeovers_ns_[takeovers_ns_.size() / 2]) * 1e-6,
        static_cast<double>(longest) * 1e-6);
    bool good = true;
    const auto must = [&](bool right, const char* what) {
      if (!right)
        std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(options_.seed), what);
      good = good && right;
    };
    must(torn == 0, "a torn frame was handed out as whole");
    must(order == 0, "numbers went back");
    must(ledger == 0, "seen and missed do not add up");
    must(corrupt == 0, "a ring was called corrupt");
    must(longest < kSecond, "a new writer took longer than a second to own the ring");
    must(follows > 0 && overwritten > 0 && missed > 0, "nothing was tortured: no move, no overtaking");
    return good;
  }

  bool nothing_left() {
    bool good = true;
    const auto rings = list_rings(false);
    for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
      const std::string file = entry.path().filename();
      const bool listed = std::any_of(rings.begin(), rings.end(), [&](const RingStatus& ring) {
        const std::string base = "camring." + ring.name;
        return file == base || file == base + ".lock" || file == base + ".sock";
      });
      if (!listed) std::fprintf(stderr, "left behind and not listed: %s\n", file.c_str());
      good = good && listed;
    }
    for (const RingStatus& ring : rings) good = remove_dead_ring(ring.name) && good;
    if (!std::filesystem::is_empty(directory_)) {
      for (const auto& entry : std::filesystem::directory_iterator(directory_)) {
        std::fprintf(stderr, "not removed: %s\n", entry.path().c_str());
      }
      good = false;
    }
    return good;
  }

  Options options_;
  std::mt19937_64 random_;
  std::string directory_;
  Shared* shared_ = nullptr;
  std::array<pid_t, kRings> writers_{};
  std::vector<pid_t> readers_;
  std::vector<std::int64_t> takeovers_ns_;
  int kills_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App app("Kills and stops writers and readers of rings at random");
  app.add_option("--seed", options.seed, "Of all randomness");
  app.add_option("--kills", options.kills, "Processes killed")->check(CLI::Range(1, 10'000'000));
  app.add_option("--minutes", options.minutes, "Instead of a number of kills")
      ->check(CLI::Range(0.0, 10000.0));
  app.add_option("--readers", options.readers, "At the same time")->check(CLI::Range(1, 64));
  app.add_flag("--trust", options.trust, "Readers skip the check that they owe: the run must then fail");
  CLI11_PARSE(app, argc, argv);
  try {
    Torture torture(options);
    torture.run();
    return torture.finish() ? 0 : 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "seed %llu: %s\n", static_cast<unsigned long long>(options.seed), error.what());
    return 1;
  }
}
