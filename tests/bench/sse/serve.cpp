// sseserve under load, beside nginx with the same bytes ready in a file, a server in Node.js and the bare
// cost of sending. README.md has the command and what it gave.
//   bench_sse_serve SSESERVE [--clients LIST] [--sides LIST] [--seconds S] [--repeats N]
// Sides take turns; figures are medians. CPU is the server process's own (all threads), from schedstat.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <filesystem>

#include "sse/load.h"
#include "sse/probe.h"
#include "sse/sides.h"
#include "support/report.h"

namespace {

using namespace bench;

constexpr double kSettle = 1;  // seconds

struct Options {
  std::string sseserve, also, script, clients = "1,100,1000,5000";
  std::string sides = "limit,sseserve,nginx,node";
  double seconds = 3;
  int repeats = 3, beside = 1000;
  bool answers = false;
};

struct Figures {
  double cpu_per_gb = 0, share = 0, p50_ms = 0, p99_ms = 0, missing = 0, gaps = 0, kb_per_client = 0;
};

class Bench {
 public:
  explicit Bench(const Options& options) : options_(options) {
    for (const std::string& name : split(options.sides)) {
      auto side = name == "limit"          ? make_limit_side()
                  : name == "sseserve"     ? make_sseserve_side(name, options.sseserve)
                  : name == "nginx"        ? make_nginx_side(NginxPace::event)
                  : name == "nginx-second" ? make_nginx_side(NginxPace::second)
                  : name == "nginx-full"   ? make_nginx_side(NginxPace::none)
                  : name == "node"         ? make_node_side(options.script)
                                           : nullptr;
      if (!side) throw std::runtime_error("no such side: " + name);
      if (const std::string why = side->missing(); !why.empty())
        std::printf("Left out: %s: %s.\n", side->name().c_str(), why.c_str());
      else
        sides_.push_back(std::move(side));
    }
    if (!options.also.empty())
      sides_.push_back(make_sseserve_side("sseserve, the other build", options.also));
  }

  void run() {
    std::printf("\n");
    const Table table({"clients", "each", "side", "CPU s/GB", "/ limit", "/ nginx", "rate %", "age p50 ms",
                       "age p99 ms", "fragments missing", "gap events", "kB/client"});
    for (const std::string& count : split(options_.clients)) {
      const int clients = std::stoi(count);
      const auto results = run_all(clients);
      const StreamRate rate = rate_for(clients);
      const std::string each = digits(rate.mbit) + " Mbit/s, " + std::to_string(rate.fps) + "/s";
      for (std::size_t i = 0; i < sides_.size(); ++i) {
        if (results[i].empty()) {
          Table::row({count, each, sides_[i]->name(), "did not run", "", "", "", "", "", "", "", ""});
          continue;
        }
        const auto of = [&](double Figures::*member) { return digits(middle(results[i], member)); };
        const bool file = sides_[i]->name().starts_with("nginx");
        const double cpu = middle(results[i], &Figures::cpu_per_gb);
        Table::row({count, each, sides_[i]->name(), digits(cpu), ratio(cpu, cpu_of("limit", results)),
                    ratio(cpu, cpu_of("nginx", results)), of(&Figures::share),
                    file ? "" : of(&Figures::p50_ms), file ? "" : of(&Figures::p99_ms),
                    file ? "" : of(&Figures::missing), file ? "" : of(&Figures::gaps),
                    of(&Figures::kb_per_client)});
      }
    }
    if (disturbed_ > 0)
      std::printf("\n%d runs were disturbed: others took over 15%% of the machine.\n", disturbed_);
  }

 private:
  using Results = std::vector<std::vector<Figures>>;  // [side][repeat]

  Results run_all(int clients) {
    Results results(sides_.size());
    const Content content = make_content(rate_for(clients));
    for (int repeat = 0; repeat < options_.repeats; ++repeat) {
      for (std::size_t i = 0; i < sides_.size(); ++i) {
        try {
          results[i].push_back(
              undisturbed(disturbed_, [&] { return run_one(*sides_[i], content, clients); }));
        } catch (const std::exception& error) {
          std::fprintf(stderr, "bench: %s, %d clients: %s\n", sides_[i]->name().c_str(), clients,
                       error.what());
        }
      }
    }
    return results;
  }

  [[nodiscard]] Figures run_one(const ServerSide& side, const Content& content, int clients) const {
    const RunningServer server = side.start(content);
    const pid_t pid = server.process.pid();
    const double before_kb = proportional_kb(pid);
    Load load(server.port, server.path, clients, server.is_file);
    (void)load.run(kSettle);
    const double cpu = cpu_seconds(pid);
    const LoadResult result = load.run(options_.seconds);
    Figures figures;
    figures.cpu_per_gb = (cpu_seconds(pid) - cpu) / (static_cast<double>(result.bytes) * 1e-9);
    figures.share =
        100 * static_cast<double>(result.fragments) / clients / options_.seconds / content.rate.fps;
    figures.p50_ms = result.ages.quantile_us(0.5) / 1000;
    figures.p99_ms = result.ages.quantile_us(0.99) / 1000;
    figures.missing = static_cast<double>(result.missing);
    figures.gaps = static_cast<double>(result.gaps);
    figures.kb_per_client = (proportional_kb(pid) - before_kb) / clients;
    return figures;
  }

  static double middle(const std::vector<Figures>& all, double Figures::*member) {
    std::vector<double> values;
    for (const Figures& one : all) values.push_back(one.*member);
    return median(values);
  }
  // 0 where that side did not run.
  double cpu_of(const std::string& side, const Results& results) const {
    for (std::size_t i = 0; i < sides_.size(); ++i) {
      if (sides_[i]->name() == side) return middle(results[i], &Figures::cpu_per_gb);
    }
    return 0;
  }

  Options options_;
  std::vector<std::unique_ptr<ServerSide>> sides_;
  int disturbed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  options.script = BENCH_SOURCE_DIR "/sse/server.mjs";
  CLI::App cli("What serving live video over server-sent events costs, beside others");
  cli.add_option("sseserve", options.sseserve, "The program to measure")->required();
  cli.add_option("--also", options.also, "Another build of it, measured beside it");
  cli.add_option("--clients", options.clients, "Comma-separated")->capture_default_str();
  cli.add_option("--sides", options.sides, "Of limit,sseserve,nginx,nginx-second,nginx-full,node")
      ->capture_default_str();
  cli.add_option("--script", options.script, "The server in Node.js")->capture_default_str();
  cli.add_option("--seconds", options.seconds, "Of a run")->check(CLI::Range(1, 600))->capture_default_str();
  cli.add_option("--repeats", options.repeats, "Runs of each case")->check(CLI::Range(1, 100));
  cli.add_flag("--answers", options.answers, "Time single answers of sseserve instead");
  cli.add_option("--beside", options.beside, "Viewers meanwhile, with --answers")
      ->check(CLI::Range(1, 10000))
      ->capture_default_str();
  CLI11_PARSE(cli, argc, argv);

  ::signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  try {
    const RingDirectory directory;
    std::printf("%s; runs of %g s, medians of %d\n", machine().c_str(), options.seconds, options.repeats);
    run_on_core(kOtherCore);
    if (options.answers)
      time_answers(options.sseserve, options.beside);
    else
      Bench(options).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
