// mjpegserve at 1280x720, 30 fps, about 80 kB a frame, beside the bare cost of writing the same bytes.
//   bench_mjpeg MJPEGSERVE [--seconds S] [--repeats N] [--clients LIST]
// Both sides take turns; figures are medians. CPU is the server process's own (all threads), from schedstat.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <functional>

#include "av/jpeg.h"
#include "base/clock.h"
#include "limit.h"
#include "load.h"
#include "ring/ring_writer.h"
#include "support/pace.h"
#include "support/process.h"
#include "support/report.h"

namespace {

using namespace bench;

constexpr std::string_view kPlace = "http://127.0.0.1:";
constexpr std::int64_t kFrameNs = 1'000'000'000 / 30;
constexpr double kSettle = 1;  // seconds

struct Options {
  std::string mjpegserve, clients = "1,10,50,100,200";
  double seconds = 4;
  int repeats = 5;
};

struct Figures {
  double cpu_per_gb = 0, frames = 0, p50_ms = 0, p99_ms = 0, kb_per_client = 0;
};

// Noise at the quality that makes it as large as it should be.
std::vector<std::uint8_t> make_picture() {
  std::vector<std::uint8_t> luma(1280 * 720);
  for (auto& pixel : luma) pixel = static_cast<std::uint8_t>(100 + std::rand() % 20);
  camring::av::ImageView view;
  view.pixel_format = camring::PixelFormat::gray8;
  view.size = {1280, 720};
  view.data[0] = luma.data();
  view.stride_bytes[0] = 1280;
  std::vector<std::uint8_t> best;
  for (int quality = 30; quality < 95; quality += 2) {
    camring::av::JpegEncoder encoder(quality);
    const auto bytes = encoder.encode(view);
    if (bytes.size() > 82'000 && !best.empty()) break;
    best.assign(bytes.begin(), bytes.end());
  }
  return best;
}

void write_ring(const std::vector<std::uint8_t>& picture) {
  camring::RingSpec spec;
  spec.name = "bench";
  spec.format = camring::coded_format(camring::Codec::mjpeg, {1280, 720}, {30, 1});
  camring::RingWriter writer(spec);
  for (std::int64_t due = camring::monotonic_ns();;) {
    sleep_until(due += kFrameNs);
    camring::CommitInfo info;
    info.capture_ns = camring::monotonic_ns();
    writer.publish(picture, info);
    writer.beat_loop();
  }
}

class Bench {
 public:
  Bench(Options options, std::vector<std::uint8_t> picture)
      : options_(std::move(options)), picture_(std::move(picture)) {}

  void run() {
    const Child camera = Child::run([this] { write_ring(picture_); });
    sleep_until(camring::monotonic_ns() + 300'000'000);
    const Table table({"clients", "side", "CPU s/GB", "/ limit", "frames/s a client", "age p50 ms",
                       "age p99 ms", "kB/client"});
    for (const std::string& count : split(options_.clients)) {
      const int clients = std::stoi(count);
      std::vector<Figures> limit, ours;
      for (int i = 0; i < options_.repeats; ++i) {
        limit.push_back(run_limit(clients));
        ours.push_back(run_mjpegserve(clients, 0));
      }
      const double base = middle(limit, &Figures::cpu_per_gb);
      print(count, "limit", limit, base);
      print(count, "mjpegserve", ours, base);
    }
    std::vector<Figures> alone, beside;
    for (int i = 0; i < options_.repeats; ++i) {
      alone.push_back(run_mjpegserve(50, 0));
      beside.push_back(run_mjpegserve(50, 1));
    }
    print("50", "mjpegserve, alone", alone, 0);
    print("50 + 1 that never reads", "mjpegserve", beside, 0);
    if (disturbed_ > 0) std::printf("\n%d runs were disturbed by others.\n", disturbed_);
  }

 private:
  Figures run_limit(int clients) {
    return measure(clients, 0, [&](int log) {
      return Child::run([&, log] { serve_at_the_limit(picture_, clients, log); });
    });
  }

  Figures run_mjpegserve(int clients, int stalled) {
    return measure(clients, stalled, [&](int log) {
      return Child::execute({options_.mjpegserve, "bench", "--listen", "0", "--max-clients", "1000",
                             "--max-clients-per-address", "1000", "--kick-after", "1h"},
                            log);
    });
  }

  // @param start  given where the server shall say its URL
  Figures measure(int clients, int stalled, const std::function<Child(int)>& start) {
    return undisturbed(disturbed_, [&] {
      const camring::UniqueFd log = make_log();
      const Child server = start(log.get());
      const int port = port_in(log, kPlace);
      sleep_until(camring::monotonic_ns() + 300'000'000);
      const double before_kb = anonymous_kb(server.pid());
      Load load(port, clients, stalled);
      (void)load.run(kSettle);
      const double cpu = cpu_seconds(server.pid());
      const LoadResult result = load.run(options_.seconds);
      Figures figures;
      figures.cpu_per_gb = (cpu_seconds(server.pid()) - cpu) / (static_cast<double>(result.bytes) * 1e-9);
      figures.frames = static_cast<double>(result.frames) / clients / options_.seconds;
      figures.p50_ms = result.ages.quantile_us(0.5) / 1000;
      figures.p99_ms = result.ages.quantile_us(0.99) / 1000;
      figures.kb_per_client = (anonymous_kb(server.pid()) - before_kb) / (clients + stalled);
      return figures;
    });
  }

  static double middle(const std::vector<Figures>& all, double Figures::*member) {
    std::vector<double> values;
    for (const Figures& one : all) values.push_back(one.*member);
    return median(values);
  }
  static void print(const std::string& clients, const std::string& side, const std::vector<Figures>& all,
                    double limit) {
    const double cpu = middle(all, &Figures::cpu_per_gb);
    Table::row({clients, side, digits(cpu), ratio(cpu, limit), digits(middle(all, &Figures::frames)),
                digits(middle(all, &Figures::p50_ms)), digits(middle(all, &Figures::p99_ms)),
                digits(middle(all, &Figures::kb_per_client))});
  }

  Options options_;
  std::vector<std::uint8_t> picture_;
  int disturbed_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  Options options;
  CLI::App cli("What serving JPEG frames over HTTP costs, beside writing the same bytes");
  cli.add_option("mjpegserve", options.mjpegserve, "The program to measure")->required();
  cli.add_option("--clients", options.clients, "Comma-separated")->capture_default_str();
  cli.add_option("--seconds", options.seconds, "Length of a run")->capture_default_str();
  cli.add_option("--repeats", options.repeats, "Runs of each case")
      ->check(CLI::Range(1, 100))
      ->capture_default_str();
  CLI11_PARSE(cli, argc, argv);

  ::signal(SIGPIPE, SIG_IGN);
  allow_many_files();
  try {
    const RingDirectory directory;
    std::vector<std::uint8_t> picture = make_picture();
    std::printf("%s; runs of %g s, medians of %d; frames of %zu bytes\n\n", machine().c_str(),
                options.seconds, options.repeats, picture.size());
    Bench(std::move(options), std::move(picture)).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
