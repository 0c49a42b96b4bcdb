// Prints the ring's figures beside GStreamer's shm elements, iceoryx and a bare futex. README.md has the
// commands and what they gave.
#include <signal.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <map>

#include "base/stream_copy.h"
#include "cell.h"
#include "limits.h"
#include "support/process.h"
#include "support/report.h"

namespace {

using namespace bench;

struct Options {
  std::vector<std::string> tables{"latency"};
  std::string sides = "floor,camring,iceoryx,gstreamer", readers, bytes, histograms;
  int frames = 300, repeats = 5, fps = 0;
  bool quick = false, full = false;
};

using Sides = std::vector<std::unique_ptr<Side>>;
using Results = std::vector<std::vector<Figures>>;  // [side][repeat]

std::vector<int> numbers(const std::string& given, const char* otherwise) {
  std::vector<int> list;
  for (const std::string& one : split(given.empty() ? otherwise : given)) list.push_back(std::stoi(one));
  return list;
}

std::string size_name(int bytes) {
  if (bytes == 3110400) return "3.1 MB (1080p NV12)";
  if (bytes == 12441600) return "12.4 MB (2160p NV12)";
  return bytes >= 1'000'000 ? digits(bytes * 1e-6) + " MB" : std::to_string(bytes / 1024) + " KB";
}

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    for (const std::string& name : split(options.sides)) {
      if (name == "floor") sides_.push_back(make_floor());
      if (name == "camring") sides_.push_back(make_camring());
      if (name == "iceoryx") sides_.push_back(make_iceoryx());
      if (name == "gstreamer") sides_.push_back(make_gstreamer());
    }
  }

  void latency(bool spin) {
    std::printf("\nFrom the writer's time stamp (before copying in) to the reader awake%s; µs.\n\n",
                spin ? ", one reader that spins" : "");
    const Table table({"frame", "readers", "side", "p50", "p99", "p99.9", "p50 / floor", "p99 / floor",
                       "lost %", "writer CPU µs/frame", "reader CPU µs/frame"});
    for (const int bytes : numbers(options_.bytes, "4096,102400,3110400")) {
      for (const int readers : spin ? std::vector<int>{1} : numbers(options_.readers, "1,4,16")) {
        Cell cell = cell_of(bytes, readers);
        cell.spin = spin;
        print_latency(size_name(bytes), cell, std::string("latency") + (spin ? "-spin" : ""));
      }
    }
  }

  void filling() {
    std::printf(
        "\nCopied in, or filled in place (only the stamp is written after the clock starts); µs.\n\n");
    const Table table({"frame", "readers", "side", "p50", "p99", "p99.9", "p50 / floor", "p99 / floor",
                       "lost %", "writer CPU µs/frame", "reader CPU µs/frame"});
    for (const int bytes : numbers(options_.bytes, "3110400,12441600")) {
      for (const bool copy : {true, false}) {
        Cell cell = cell_of(bytes, 1);
        cell.copy = copy;
        print_latency(size_name(bytes) + (copy ? ", copied" : ", in place"), cell,
                      copy ? "copied" : "in-place");
      }
    }
  }

  void writer() {
    std::printf(
        "\nWhat a frame costs its writer, without filling it; µs. Wall time of the publishing calls; CPU "
        "time of the whole process, pacing included.\n\n");
    const Table table({"readers", "side", "publish p50", "publish p99", "CPU a frame", "lost %"});
    for (const int readers : numbers(options_.readers, "0,1,4,16,64,100")) {
      Cell cell = cell_of(numbers(options_.bytes, "4096").front(), readers);
      cell.copy = false;
      cell.stopped = readers >= 100 ? 1 : 0;
      const Results results = run_all(cell, "writer");
      for (std::size_t i = 0; i < sides_.size(); ++i) {
        const std::string count = std::to_string(readers) + (cell.stopped != 0 ? ", one stopped" : "");
        const auto& all = results[i];
        if (all.empty()) {
          Table::row({count, sides_[i]->name(), missing(i), "", "", ""});
          continue;
        }
        Table::row({count, sides_[i]->name(), of(all, [](auto& f) { return f.publish.quantile_us(0.5); }),
                    of(all, [](auto& f) { return f.publish.quantile_us(0.99); }),
                    of(all, [](auto& f) { return f.writer_cpu_us; }),
                    of(all, [](auto& f) { return f.lost * 100; })});
      }
    }
  }

  void limits() {
    std::printf("\nWhat the machine allows.\n\n");
    const Table table({"limit", "p50", "p99"});
    std::vector<double> p50[3], p99[3], rate[3], streamed[3];
    const std::size_t sizes[] = {4096, 3110400, 12441600};
    for (int i = 0; i < options_.repeats; ++i) {
      const OneWay ways[] = {futex_ping(false, options_.frames), futex_ping(true, options_.frames),
                             cache_line_ping(options_.frames * 10)};
      for (int way = 0; way < 3; ++way) {
        p50[way].push_back(ways[way].p50_us);
        p99[way].push_back(ways[way].p99_us);
        rate[way].push_back(memcpy_rate(sizes[way]));
        if (sizes[way] >= camring::kStreamFrom) streamed[way].push_back(stream_copy_rate(sizes[way]));
      }
    }
    const char* names[] = {"futex wake, other core, one way", "futex wake, same core, one way",
                           "cache line between two cores, one way"};
    for (int way = 0; way < 3; ++way)
      Table::row({names[way], digits(median(p50[way])) + " µs", digits(median(p99[way])) + " µs"});
    for (int size = 0; size < 3; ++size) {
      const std::string name = size_name(static_cast<int>(sizes[size]));
      Table::row({"memcpy, " + name, digits(median(rate[size])) + " GB/s", ""});
      if (!streamed[size].empty())
        Table::row({"past the caches (stream_copy), " + name, digits(median(streamed[size])) + " GB/s", ""});
    }
    for (const std::size_t bytes : {std::size_t{262144}, std::size_t{524288}, sizes[1], sizes[2]}) {
      for (const bool past : {false, true}) {
        if (past && bytes < camring::kStreamFrom) continue;
        std::vector<double> write, read;
        for (int i = 0; i < options_.repeats; ++i) {
          const Handed handed = handed_over(bytes, past);
          write.push_back(handed.write_us);
          read.push_back(handed.read_us);
        }
        Table::row({std::string(past ? "stream_copy, " : "memcpy, ") + size_name(static_cast<int>(bytes)) +
                        ": written, and read by another thread",
                    digits(median(write)) + " µs + " + digits(median(read)) + " µs", ""});
      }
    }
    for (const bool shared : {true, false}) {
      for (const Pages pages : {Pages::small, Pages::huge}) {
        std::vector<double> rates;
        for (int i = 0; i < options_.repeats; ++i) rates.push_back(paged_copy_rate(sizes[2], pages, shared));
        const std::string kind = std::string(shared ? "shared" : "anonymous") +
                                 (pages == Pages::huge ? ", huge pages" : ", 4 KB pages");
        const double rate_of = median(rates);
        Table::row({"memcpy, " + size_name(static_cast<int>(sizes[2])) + ", " + kind,
                    rate_of > 0 ? digits(rate_of) + " GB/s" : "not given by this kernel's settings", ""});
      }
    }
  }

  [[nodiscard]] int disturbed() const { return disturbed_; }

 private:
  Cell cell_of(int bytes, int readers) const {
    Cell cell;
    cell.bytes = static_cast<std::size_t>(bytes) / 64 * 64;
    cell.readers = std::min(kMaxReaders, readers);
    cell.frames = options_.frames;
    cell.fps = options_.fps != 0 ? options_.fps : bytes > 1'000'000 ? 60 : 100;
    return cell;
  }

  // Sides take turns, so that what changes on the machine meets all of them.
  Results run_all(const Cell& cell, const std::string& table) {
    Results results(sides_.size());
    for (int repeat = 0; repeat < options_.repeats; ++repeat) {
      for (std::size_t i = 0; i < sides_.size(); ++i) {
        if (!sides_[i]->available() || (cell.spin && !sides_[i]->spins())) continue;
        Figures figures = undisturbed(disturbed_, [&] { return run(*sides_[i], cell); });
        if (!figures.ran) continue;
        keep(figures, *sides_[i], cell, table, repeat);
        results[i].push_back(std::move(figures));
      }
    }
    return results;
  }

  void keep(const Figures& figures, const Side& side, const Cell& cell, const std::string& table,
            int repeat) const {
    if (options_.histograms.empty()) return;
    ::mkdir(options_.histograms.c_str(), 0755);
    std::string name = table + "-" + std::to_string(cell.bytes) + "-" + std::to_string(cell.readers) + "-" +
                       side.name() + "-" + std::to_string(repeat) + ".txt";
    for (char& letter : name) letter = letter == ' ' ? '_' : letter;
    std::FILE* file = std::fopen((options_.histograms + "/" + name).c_str(), "w");
    if (file == nullptr) return;
    std::fprintf(file, "# latency: ns count\n");
    figures.latency.write(file);
    std::fprintf(file, "# publish: ns count\n");
    figures.publish.write(file);
    std::fclose(file);
  }

  [[nodiscard]] const char* missing(std::size_t side) const {
    return sides_[side]->available() ? "did not run" : "not installed";
  }

  static double middle(const std::vector<Figures>& all, double (*figure)(const Figures&)) {
    std::vector<double> values;
    for (const Figures& one : all) values.push_back(figure(one));
    return median(values);
  }
  static std::string of(const std::vector<Figures>& all, double (*figure)(const Figures&)) {
    return digits(middle(all, figure));
  }

  void print_latency(const std::string& size, const Cell& cell, const std::string& table) {
    const Results results = run_all(cell, table);
    const auto p50 = [](const Figures& f) { return f.latency.quantile_us(0.5); };
    const auto p99 = [](const Figures& f) { return f.latency.quantile_us(0.99); };
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      const auto& all = results[i];
      const std::string readers = std::to_string(cell.readers);
      if (cell.spin && !sides_[i]->spins()) continue;
      if (all.empty()) {
        Table::row({size, readers, sides_[i]->name(), missing(i), "", "", "", "", "", "", ""});
        continue;
      }
      // To the first side, in the same repeat: what slowed one slowed the other.
      std::vector<double> to_p50, to_p99;
      for (std::size_t r = 0; r < std::min(all.size(), results[0].size()); ++r) {
        to_p50.push_back(p50(all[r]) / p50(results[0][r]));
        to_p99.push_back(p99(all[r]) / p99(results[0][r]));
      }
      Table::row({size, readers, sides_[i]->name(), of(all, p50), of(all, p99),
                  of(all, [](auto& f) { return f.latency.quantile_us(0.999); }), digits(median(to_p50)),
                  digits(median(to_p99)), of(all, [](auto& f) { return f.lost * 100; }),
                  of(all, [](auto& f) { return f.writer_cpu_us; }),
                  of(all, [](auto& f) { return f.reader_cpu_us; })});
    }
  }

  Options options_;
  Sides sides_;
  int disturbed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli("Latency and cost of the ring, beside others");
  cli.add_option("table", options.tables, "latency (default), spin, filling, writer, limits")
      ->check(CLI::IsMember({"latency", "spin", "filling", "writer", "limits"}))
      ->expected(1, 5);
  cli.add_option("--sides", options.sides, "Of floor,camring,iceoryx,gstreamer; ratios are to the first");
  cli.add_option("--readers", options.readers, "Comma-separated");
  cli.add_option("--bytes", options.bytes, "Frame sizes, comma-separated");
  cli.add_option("--frames", options.frames, "Frames in a run")->check(CLI::Range(10, 1000000));
  cli.add_option("--repeats", options.repeats, "Runs of each cell")->check(CLI::Range(1, 100));
  cli.add_option("--fps", options.fps, "Pace [100; frames over 1 MB: 60]")->check(CLI::Range(1, 10000));
  cli.add_option("--histograms", options.histograms, "Keep each run's histograms in this directory");
  cli.add_flag("--quick", options.quick, "100 frames, 3 repeats");
  cli.add_flag("--full", options.full, "10,000 frames: hours");
  CLI11_PARSE(cli, argc, argv);
  if (options.quick) options.frames = 100, options.repeats = 3;
  if (options.full) options.frames = 10000;

  ::signal(SIGPIPE, SIG_IGN);
  const RingDirectory directory;
  Bench bench(options);
  std::printf("%s; %d frames a run, medians of %d runs\n", machine().c_str(), options.frames,
              options.repeats);
  for (const std::string& table : options.tables) {
    if (table == "latency") bench.latency(false);
    if (table == "spin") bench.latency(true);
    if (table == "filling") bench.filling();
    if (table == "writer") bench.writer();
    if (table == "limits") bench.limits();
  }
  if (bench.disturbed() > 0)
    std::printf("\n%d runs were disturbed: others took over 15%% of the machine.\n", bench.disturbed());
  return 0;
}
