// rtspserve beside GStreamer's RTSP server and the bare cost of sending the same packets: H.264, 1920x1080 at
// 30 fps, 4 Mbit/s. README.md has the command and what it gave.
//   bench_rtsp RTSPSERVE [--clients LIST] [--transports LIST] [--seconds S] [--repeats N]
// Sides take turns; figures are medians. CPU is the server process's own (all threads), from schedstat.
#include <signal.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "load.h"
#include "sides.h"
#include "support/report.h"

namespace {

using namespace bench;

constexpr int kServerCore = 0, kOthersCore = 1;
constexpr double kSettle = 1, kSettleStalled = 12;  // seconds; the latter fills what buffers a socket has

struct Options {
  std::string rtspserve, clients = "1,10,50,100,200", transports = "tcp,udp";
  std::string sides = "limit,rtspserve,gst-rtsp-server";
  double seconds = 5;
  int repeats = 3;
  bool no_stalled = false, apart = false;
};

struct Figures {
  double cpu_per_gb = 0, frames = 0, lost = 0, first_ms = 0, p50_ms = 0, p99_ms = 0, kb_per_client = 0;
};

struct Case {
  bool udp = false;
  int clients = 1, stalled = 0;
  double settle = kSettle;
};

class Bench {
 public:
  Bench(const Options& options, const Clip& clip, const std::string& clip_path) : options_(options) {
    const std::string gst = std::filesystem::read_symlink("/proc/self/exe").parent_path() / "bench_rtsp_gst";
    for (const std::string& name : split(options.sides)) {
      if (name == "limit") sides_.push_back(make_limit_side(clip));
      if (name == "rtspserve") sides_.push_back(make_rtspserve_side(clip, options.rtspserve));
      if (name == "gst-rtsp-server" && ::access(gst.c_str(), X_OK) == 0)
        sides_.push_back(make_gstreamer_side(gst, clip_path));
    }
  }

  void transport(const std::string& name) {
    std::printf("\nOver %s.\n\n", name == "udp" ? "UDP" : "TCP");
    const Table table({"clients", "side", "CPU s/GB", "/ limit", "frames/s a client", "packets lost %",
                       "first picture ms", "age p50 ms", "age p99 ms", "kB/client"});
    for (const std::string& count : split(options_.clients)) {
      Case one;
      one.udp = name == "udp";
      one.clients = std::stoi(count);
      const auto results = run_all(one);
      const double limit =
          options_.sides.starts_with("limit") ? middle(results.front(), &Figures::cpu_per_gb) : 0;
      for (std::size_t i = 0; i < sides_.size(); ++i) print(count, sides_[i]->name(), results[i], limit);
    }
  }

  void stalled() {
    std::printf("\n50 clients over TCP, and beside them one that asks for the stream and never reads.\n\n");
    const Table table({"side", "age p99 ms alone", "age p99 ms beside it", "frames/s a client beside it"});
    Case alone, beside;
    alone.clients = beside.clients = 50;
    alone.settle = beside.settle = kSettleStalled;
    beside.stalled = 1;
    const auto without = run_all(alone, true), with = run_all(beside, true);
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (sides_[i]->name() == "limit") continue;
      Table::row({sides_[i]->name(), of(without[i], &Figures::p99_ms), of(with[i], &Figures::p99_ms),
                  of(with[i], &Figures::frames)});
    }
  }

  [[nodiscard]] int disturbed() const { return disturbed_; }

 private:
  using Results = std::vector<std::vector<Figures>>;  // [side][repeat]

  Results run_all(const Case& one, bool skip_limit = false) {
    Results results(sides_.size());
    for (int repeat = 0; repeat < options_.repeats; ++repeat) {
      for (std::size_t i = 0; i < sides_.size(); ++i) {
        if (skip_limit && sides_[i]->name() == "limit") continue;
        try {
          results[i].push_back(undisturbed(disturbed_, [&] { return run(*sides_[i], one); }));
        } catch (const std::exception& error) {
          std::fprintf(stderr, "bench: %s, %d clients: %s\n", sides_[i]->name().c_str(), one.clients,
                       error.what());
        }
      }
    }
    return results;
  }

  [[nodiscard]] Figures run(const Side& side, const Case& one) const {
    const Server server = side.start(one.udp);
    const pid_t pid = server.process.pid();
    if (options_.apart) keep_to_core(pid, kServerCore);
    const double before_kb = anonymous_kb(pid);
    Load load(server.port, one.udp, one.clients, one.stalled);
    (void)load.run(one.settle);
    const double cpu = cpu_seconds(pid);
    const LoadResult result = load.run(options_.seconds);
    Figures figures;
    figures.cpu_per_gb = (cpu_seconds(pid) - cpu) / (static_cast<double>(result.bytes) * 1e-9);
    figures.frames = static_cast<double>(result.frames) / one.clients / options_.seconds;
    figures.lost = 100 * static_cast<double>(result.lost) / static_cast<double>(result.packets + result.lost);
    figures.first_ms = load.first_picture_ms();
    figures.p50_ms = result.ages.quantile_us(0.5) / 1000;
    figures.p99_ms = result.ages.quantile_us(0.99) / 1000;
    figures.kb_per_client = (anonymous_kb(pid) - before_kb) / (one.clients + one.stalled);
    return figures;
  }

  static double middle(const std::vector<Figures>& all, double Figures::*member) {
    std::vector<double> values;
    for (const Figures& one : all) values.push_back(one.*member);
    return median(values);
  }
  static std::string of(const std::vector<Figures>& all, double Figures::*member) {
    return all.empty() ? "did not run" : digits(middle(all, member));
  }
  static void print(const std::string& clients, const std::string& side, const std::vector<Figures>& all,
                    double limit) {
    Table::row({clients, side, of(all, &Figures::cpu_per_gb), ratio(middle(all, &Figures::cpu_per_gb), limit),
                of(all, &Figures::frames), of(all, &Figures::lost), of(all, &Figures::first_ms),
                of(all, &Figures::p50_ms), of(all, &Figures::p99_ms), of(all, &Figures::kb_per_client)});
  }

  Options options_;
  std::vector<std::unique_ptr<Side>> sides_;
  int disturbed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli("What serving H.264 over RTSP costs, beside others");
  cli.add_option("rtspserve", options.rtspserve, "The program to measure")->required();
  cli.add_option("--clients", options.clients, "Comma-separated")->capture_default_str();
  cli.add_option("--transports", options.transports, "Of tcp,udp; may be empty")->capture_default_str();
  cli.add_option("--sides", options.sides, "Ratios are to limit, when it is the first")
      ->capture_default_str();
  cli.add_option("--seconds", options.seconds, "Of a run")->check(CLI::Range(1, 600))->capture_default_str();
  cli.add_option("--repeats", options.repeats, "Runs of each case")->check(CLI::Range(1, 100));
  cli.add_flag("--no-stalled", options.no_stalled, "Leave out the client that never reads");
  cli.add_flag("--apart", options.apart, "The server on core 0, its clients and its camera on core 1");
  CLI11_PARSE(cli, argc, argv);

  ::signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  try {
    if (options.apart) run_on_core(kOthersCore);  // children inherit it
    const RingDirectory directory;
    const std::string clip_path = std::string(::getenv("CAMRING_DIR")) + "/clip";
    const Clip clip = make_clip(10 * kFps);
    clip.save(clip_path);
    Bench bench(options, clip, clip_path);
    std::printf("%s; runs of %g s, medians of %d; %zu frames of %zu bytes, keyframes of %zu\n",
                machine().c_str(), options.seconds, options.repeats, clip.units.size(),
                clip.mean_bytes(false), clip.mean_bytes(true));
    for (const std::string& name : split(options.transports)) bench.transport(name);
    if (!options.no_stalled) bench.stalled();
    if (bench.disturbed() > 0)
      std::printf("\n%d runs were disturbed: others took over 15%% of the machine.\n", bench.disturbed());
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
