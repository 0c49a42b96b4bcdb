// Publish-to-wake latency and the writer's cost, camring beside GStreamer's shm elements, iceoryx and a bare
// futex.
//   bench_ring [--frames N] [--repeats N] [--sides LIST] [--readers LIST] [--bytes LIST]
// Sides take turns within each repeat; a cell's figure is the median of its repeats.
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <string>

#include "harness.h"

namespace {

using bench::Cell;
using bench::Shared;
using bench::Side;

struct Figures {
  double p50 = 0, p99 = 0, p999 = 0, lost = 0, writer_us = 0;
};

double percentile(const std::vector<std::int64_t>& sorted, double share) {
  if (sorted.empty()) return 0;
  return static_cast<double>(
             sorted[static_cast<std::size_t>(share * static_cast<double>(sorted.size() - 1))]) /
         1000;
}

pid_t spawn(auto&& body) {
  const pid_t child = ::fork();
  if (child != 0) return child;
  const int null = ::open("/dev/null", O_WRONLY);
  ::dup2(null, 1);
  if (std::getenv("BENCH_DEBUG") == nullptr) ::dup2(null, 2);
  body();
  ::_exit(0);
}

Figures run(Side& side, const Cell& cell) {
  const std::size_t bytes =
      sizeof(Shared) + static_cast<std::size_t>(cell.readers) * static_cast<std::size_t>(cell.frames) * 8;
  auto* shared =
      new (::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0)) Shared;
  side.begin(cell);
  std::vector<pid_t> children{spawn([&] { side.writer(cell, *shared); })};
  for (int i = 0; i < cell.readers; ++i) children.push_back(spawn([&, i] { side.reader(cell, *shared, i); }));
  const std::int64_t give_up =
      camring::monotonic_ns() + 30'000'000'000 + cell.frames * (1'000'000'000LL / cell.fps) * 2;
  while (!shared->done && camring::monotonic_ns() < give_up) ::usleep(10'000);
  if (!shared->done) shared->done = true;
  ::usleep(300'000);
  for (const pid_t child : children) {
    if (::waitpid(child, nullptr, WNOHANG) == 0) {
      ::usleep(200'000);
      ::kill(child, SIGKILL);
      ::waitpid(child, nullptr, 0);
    }
  }
  side.end();
  std::vector<std::int64_t> all;
  for (int i = 0; i < cell.readers * cell.frames; ++i) {
    if (const std::int64_t value = shared->latencies[i]; value > 0) all.push_back(value);
  }
  std::sort(all.begin(), all.end());
  Figures figures{percentile(all, 0.5), percentile(all, 0.99), percentile(all, 0.999),
                  100.0 - 100.0 * static_cast<double>(all.size()) / (cell.readers * cell.frames),
                  static_cast<double>(shared->writer_cpu_ns) / 1000 / cell.frames};
  ::munmap(shared, bytes);
  return figures;
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  std::size_t at = 0;
  while (at <= text.size()) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{{"--frames", "300"},
                                             {"--repeats", "5"},
                                             {"--readers", "1,4,16"},
                                             {"--bytes", "4096,102400,3110400"},
                                             {"--sides", "floor,camring,iceoryx,gstreamer"}};
  for (int i = 1; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  std::string directory = "/dev/shm/camring-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  ::setenv("CAMRING_DIR", directory.c_str(), 1);

  std::vector<std::unique_ptr<Side>> sides;
  for (const std::string& name : split(options["--sides"])) {
    if (name == "floor") sides.push_back(bench::make_floor());
    if (name == "camring") sides.push_back(bench::make_camring());
    if (name == "iceoryx") sides.push_back(bench::make_iceoryx());
    if (name == "gstreamer") sides.push_back(bench::make_gstreamer());
  }
  const int repeats = std::atoi(options["--repeats"].c_str());
  std::printf(
      "| bytes | readers | side | p50 us | p99 us | p99.9 us | p99 / first side | lost %% | writer CPU "
      "us/frame |\n"
      "|---|---|---|---|---|---|---|---|---|\n");
  for (const std::string& bytes : split(options["--bytes"])) {
    for (const std::string& readers : split(options["--readers"])) {
      Cell cell;
      cell.bytes = static_cast<std::size_t>(std::atol(bytes.c_str())) / 64 * 64;
      cell.readers = std::min(bench::kMaxReaders, std::atoi(readers.c_str()));
      cell.frames = std::atoi(options["--frames"].c_str());
      cell.fps = cell.bytes > 1'000'000 ? 60 : 100;
      std::map<std::string, std::vector<Figures>> results;
      for (int repeat = 0; repeat < repeats; ++repeat) {
        for (const auto& side : sides) {
          if (side->available()) results[side->name()].push_back(run(*side, cell));
        }
      }
      double floor = 0;
      for (const auto& side : sides) {
        if (!side->available()) {
          std::printf("| %zu | %d | %s | not installed | | | | | |\n", cell.bytes, cell.readers,
                      side->name());
          continue;
        }
        const auto figure = [&](double Figures::*member) {
          std::vector<double> values;
          for (const Figures& one : results[side->name()]) values.push_back(one.*member);
          return median(values);
        };
        const double p99 = figure(&Figures::p99);
        if (floor == 0) floor = p99;
        std::printf("| %zu | %d | %s | %.0f | %.0f | %.0f | %.2f | %.1f | %.1f |\n", cell.bytes, cell.readers,
                    side->name(), figure(&Figures::p50), p99, figure(&Figures::p999),
                    floor > 0 ? p99 / floor : 0, figure(&Figures::lost), figure(&Figures::writer_us));
        std::fflush(stdout);
      }
    }
  }
  std::filesystem::remove_all(directory);
  return 0;
}
