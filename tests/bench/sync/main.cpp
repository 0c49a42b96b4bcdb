// What it costs to say whether two rings are in step, and how soon a ring that falls behind is corrected.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <functional>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "pair_check.h"
#include "ring/control_client.h"
#include "ring/ring_name.h"
#include "ring/ring_writer.h"
#include "support/report.h"

using namespace camring;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kFrameNs = 10 * kMs;
constexpr std::int64_t kLateNs = 83 * kMs, kToleranceNs = 50 * kMs;
constexpr int kViolations = 5;  // syncmon's default

double percentile(std::vector<double> values, double share) {
  std::sort(values.begin(), values.end());
  return values.empty() ? 0
                        : values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
}

void row(const std::string& what, const std::vector<double>& ms) {
  bench::Table::row({what, bench::digits(bench::median(ms)), bench::digits(percentile(ms, 0.99)),
                     bench::digits(percentile(ms, 1)), std::to_string(ms.size())});
}

std::vector<double> timed(int count, const std::function<void()>& work) {
  std::vector<double> ms;
  for (int i = 0; i < count; ++i) {
    const std::int64_t start = monotonic_ns();
    work();
    ms.push_back(static_cast<double>(monotonic_ns() - start) * 1e-6);
  }
  return ms;
}

// A check whose memory is full: 2048 pairs, or ten seconds of brightness.
syncmon::PairCheck full(bool content) {
  syncmon::CheckRules rules;
  rules.content = content;
  rules.offset.window_ns = content ? 10'000 * kMs : 3'600'000 * kMs;
  syncmon::PairCheck check(rules);
  std::mt19937 random(1);
  std::normal_distribution<double> jitter(0, 2e6), step(0, 6);
  double light = 120;
  std::vector<double> levels;
  for (std::uint64_t n = 0; n < 2100; ++n) {
    levels.push_back(light += step(random) - (light - 120) * 0.1);
    for (const sync::Side side : {sync::Side::a, sync::Side::b}) {
      syncmon::Sighting sighting;
      sighting.moment.source_number = n;
      sighting.moment.timeline_ns = static_cast<std::int64_t>(n) * 33 * kMs;
      sighting.moment.published_ns = sighting.moment.timeline_ns +
                                     (side == sync::Side::b ? 83 * kMs : 5 * kMs) +
                                     static_cast<std::int64_t>(jitter(random));
      if (content) sighting.luma = levels[side == sync::Side::b && n > 2 ? n - 2 : n];
      check.add(side, sighting);
    }
  }
  return check;
}

pid_t start(const std::vector<std::string>& words) {
  std::vector<char*> argv;
  for (const std::string& word : words) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  posix_spawn_file_actions_t files{};
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
  pid_t child = -1;
  const int error = ::posix_spawn(&child, argv[0], &files, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&files);
  if (error != 0) std::exit(66);
  return child;
}

// Two rings of one source, the second as late as it is told; frames as small as an H.264 channel's.
class Channels {
 public:
  Channels() : a_(spec("a")), b_(spec("b")), next_ns_(monotonic_ns()) {}

  /// Publishes until `until` is true or the time is up. True: it was.
  bool run(std::int64_t late_ns, std::int64_t most_ns, const std::function<bool()>& until) {
    const std::int64_t end = monotonic_ns() + most_ns;
    while (monotonic_ns() < end) {
      const std::int64_t b_due = waiting_.empty() ? INT64_MAX : waiting_.front().captured_ns + late_ns;
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min(next_ns_, b_due) - monotonic_ns()));
      if (b_due <= next_ns_) {
        const Frame frame = waiting_.front();
        waiting_.pop_front();
        put(b_, frame);
        violations_ = monotonic_ns() - frame.published_ns > kToleranceNs ? violations_ + 1 : 0;
      } else {
        Frame frame{number_++, next_ns_, monotonic_ns()};
        put(a_, frame);
        waiting_.push_back(frame);
        next_ns_ += kFrameNs;
      }
      if (until()) return true;
    }
    return false;
  }
  [[nodiscard]] int violations() const noexcept { return violations_; }

 private:
  struct Frame {
    std::uint64_t number;
    std::int64_t captured_ns, published_ns;
  };
  static RingSpec spec(const std::string& name) {
    RingSpec spec;
    spec.name = name;
    spec.format = raw_format(PixelFormat::gray8, {64, 48}, {100, 1});
    spec.frames = 64;
    return spec;
  }
  static void put(RingWriter& writer, const Frame& frame) {
    static const std::vector<std::uint8_t> kPayload(64 * 48, 100);
    CommitInfo info;
    info.capture_ns = frame.captured_ns;
    info.source_number = frame.number;
    info.source_capture_ns = frame.captured_ns;
    writer.publish(kPayload, info);
  }
  RingWriter a_, b_;
  std::int64_t next_ns_;
  std::uint64_t number_ = 0;
  std::deque<Frame> waiting_;
  int violations_ = 0;
};

std::optional<Correction> ask() {
  const auto answer = ask_writer(RingPaths("a").sock, 1000);
  return answer ? answer->correction : std::nullopt;
}

// From the frame that completes the violations to the writer's answer that has the correction.
std::vector<double> corrections(const std::string& tool, int count, int& lost) {
  Channels channels;
  const auto never = [] { return false; };
  (void)channels.run(0, 300 * kMs, never);
  const pid_t watcher = start({tool, "a", "b", "--watch", "--publish", "--interval", "1s"});
  (void)channels.run(0, 1000 * kMs, never);
  std::vector<double> ms;
  for (int i = 0; i < count; ++i) {
    if (!channels.run(kLateNs, 3000 * kMs, [&] { return channels.violations() == kViolations; })) ++lost;
    const std::int64_t seen = monotonic_ns();
    while (monotonic_ns() - seen < 2000 * kMs) {
      const auto correction = ask();
      if (!correction || correction->delay_ns < kToleranceNs) continue;
      ms.push_back(static_cast<double>(monotonic_ns() - seen) * 1e-6);
      break;
    }
    if (ms.size() + static_cast<std::size_t>(lost) <= static_cast<std::size_t>(i)) ++lost;
    // Back in step until it was taken back.
    int turn = 0;
    (void)channels.run(0, 5000 * kMs, [&] { return ++turn % 20 == 0 && !ask(); });
  }
  ::kill(watcher, SIGTERM);
  ::waitpid(watcher, nullptr, 0);
  return ms;
}

std::vector<double> processes(const std::string& tool, int count) {
  Channels channels;
  std::vector<double> ms;
  for (int i = 0; i < count; ++i) {
    (void)channels.run(0, 50 * kMs, [] { return false; });
    const auto one = timed(1, [&] { ::waitpid(start({tool, "a", "b", "--tolerance", "10s"}), nullptr, 0); });
    ms.push_back(one.front());
  }
  return ms;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App cli("What a check costs, and how soon a correction is answered");
  std::string tool;
  int count = 100;
  cli.add_option("syncmon", tool, "The tool")->required();
  cli.add_option("--count", count, "Corrections and processes [100]");
  CLI11_PARSE(cli, argc, argv);
  std::string directory = "/dev/shm/camring-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 71;
  ::setenv("CAMRING_DIR", directory.c_str(), 1);

  std::printf("%s\n\n", bench::machine().c_str());
  int lost = 0;
  {
    const bench::Table table({"what", "p50 ms", "p99 ms", "max ms", "runs"});
    const syncmon::PairCheck stamps = full(false), brightness = full(true);
    row("a check of a full window, " + std::to_string(stamps.pairs()) + " pairs",
        timed(500, [&] { (void)stamps.reading(); }));
    row("a check by content, 10 s of brightness compared anew", timed(500, [&] {
          syncmon::PairCheck check = brightness;
          syncmon::Sighting next;
          next.moment.published_ns = 2101LL * 33 * kMs + 500 * kMs;
          next.luma = 120;
          check.add(sync::Side::a, next);
          (void)check.reading();
        }));
    row("syncmon --once, the whole process", processes(tool, count));
    row("correction: from the 5th violation to the writer's answer", corrections(tool, count, lost));
  }
  std::printf("\n%d corrections did not come within 2 s\n", lost);
  std::filesystem::remove_all(directory);
  return 0;
}
