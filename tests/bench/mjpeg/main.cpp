// mjpegserve at 1280x720, 30 fps, about 80 kB a frame, beside the bare cost of writing the same bytes.
//   bench_mjpeg MJPEGSERVE [--seconds S] [--repeats N] [--clients LIST]
// Both sides take turns; figures are medians. CPU is the server process's own (all threads), from schedstat.
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <thread>

#include "av/jpeg.h"
#include "base/clock.h"
#include "limit.h"
#include "load.h"
#include "ring/ring_writer.h"

namespace {

struct Figures {
  double cpu_per_gb = 0, frames = 0, p50 = 0, p99 = 0, kb_per_client = 0;
};

std::vector<std::uint8_t> make_picture() {
  std::vector<std::uint8_t> luma(1280 * 720);
  for (std::size_t i = 0; i < luma.size(); ++i) luma[i] = static_cast<std::uint8_t>(100 + std::rand() % 20);
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

double cpu_seconds(pid_t pid) {
  double total = 0;
  for (const auto& task : std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task")) {
    std::ifstream file(task.path() / "schedstat");
    double ns = 0;
    file >> ns;
    total += ns * 1e-9;
  }
  return total;
}

double resident_kb(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with("RssAnon:")) return std::strtod(line.c_str() + 8, nullptr);
  }
  return 0;
}

float percentile(std::vector<float>& values, double share) {
  if (values.empty()) return 0;
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

Figures measure(pid_t server, int port, int clients, int stalled, double seconds) {
  const double before_kb = resident_kb(server);
  bench::Load load(port, clients, stalled);
  (void)load.run(1.0);
  const double cpu = cpu_seconds(server);
  bench::LoadResult result = load.run(seconds);
  Figures figures;
  figures.cpu_per_gb = (cpu_seconds(server) - cpu) / (static_cast<double>(result.bytes) * 1e-9);
  figures.frames = static_cast<double>(result.frames) / clients / seconds;
  figures.p50 = percentile(result.ages_ms, 0.5);
  figures.p99 = percentile(result.ages_ms, 0.99);
  figures.kb_per_client = (resident_kb(server) - before_kb) / (clients + stalled);
  return figures;
}

Figures run_limit(const std::vector<std::uint8_t>& picture, int clients, double seconds) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return {};
  const pid_t server = ::fork();
  if (server == 0) bench::serve_at_the_limit(picture, clients, pipe[1]);
  int port = 0;
  if (::read(pipe[0], &port, sizeof port) != sizeof port) std::exit(1);
  const Figures figures = measure(server, port, clients, 0, seconds);
  ::kill(server, SIGKILL);
  ::waitpid(server, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  return figures;
}

Figures run_mjpegserve(const std::string& tool, int clients, int stalled, double seconds) {
  std::array<int, 2> pipe{};
  if (::pipe(pipe.data()) != 0) return {};
  const pid_t server = ::fork();
  if (server == 0) {
    ::dup2(pipe[1], 2);
    ::execl(tool.c_str(), tool.c_str(), "bench", "--listen", "0", "--max-clients", "1000",
            "--max-clients-per-address", "1000", "--kick-after", "1h", nullptr);
    ::_exit(127);
  }
  std::string said;
  std::array<char, 512> buffer;
  while (said.find("127.0.0.1:") == std::string::npos || said.back() != '\n') {
    const ssize_t got = ::read(pipe[0], buffer.data(), buffer.size());
    if (got <= 0) std::exit(1);
    said.append(buffer.data(), static_cast<std::size_t>(got));
  }
  const int port = std::atoi(said.c_str() + said.find("127.0.0.1:") + 10);
  ::usleep(300'000);
  const Figures figures = measure(server, port, clients, stalled, seconds);
  ::kill(server, SIGTERM);
  ::waitpid(server, nullptr, 0);
  ::close(pipe[0]);
  ::close(pipe[1]);
  return figures;
}

Figures median(const std::vector<Figures>& all) {
  const auto middle = [&](double Figures::*member) {
    std::vector<double> values;
    for (const Figures& one : all) values.push_back(one.*member);
    std::sort(values.begin(), values.end());
    return values[values.size() / 2];
  };
  return {middle(&Figures::cpu_per_gb), middle(&Figures::frames), middle(&Figures::p50),
          middle(&Figures::p99), middle(&Figures::kb_per_client)};
}

void print(const char* clients, const char* side, const Figures& f, double limit) {
  std::printf("| %s | %s | %.3f | %.2f | %.1f | %.2f | %.2f | %.0f |\n", clients, side, f.cpu_per_gb,
              limit > 0 ? f.cpu_per_gb / limit : 0, f.frames, f.p50, f.p99, f.kb_per_client);
  std::fflush(stdout);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fprintf(stderr, "usage: bench_mjpeg MJPEGSERVE [--seconds S] [--repeats N] [--clients LIST]\n");
    return 64;
  }
  std::map<std::string, std::string> options{
      {"--seconds", "4"}, {"--repeats", "5"}, {"--clients", "1,10,50,100,200"}};
  for (int i = 2; i + 1 < argc; i += 2) options[argv[i]] = argv[i + 1];
  const double seconds = std::atof(options["--seconds"].c_str());
  const int repeats = std::atoi(options["--repeats"].c_str());
  std::string directory = "/dev/shm/camring-bench-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  ::setenv("CAMRING_DIR", directory.c_str(), 1);
  const std::vector<std::uint8_t> picture = make_picture();

  const pid_t camera = ::fork();
  if (camera == 0) {
    camring::RingSpec spec;
    spec.name = "bench";
    spec.format = camring::coded_format(camring::Codec::mjpeg, {1280, 720}, {30, 1});
    camring::RingWriter writer(spec);
    timespec due{};
    ::clock_gettime(CLOCK_MONOTONIC, &due);
    for (;;) {
      due.tv_nsec += 33'333'333;
      if (due.tv_nsec >= 1'000'000'000) {
        due.tv_nsec -= 1'000'000'000;
        ++due.tv_sec;
      }
      ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
      camring::CommitInfo info;
      info.capture_ns = camring::monotonic_ns();
      writer.publish(picture, info);
      writer.beat_loop();
    }
  }
  ::usleep(300'000);

  std::printf(
      "frame: %zu bytes\n\n| clients | side | CPU s/GB | / limit | frames/s a client | age p50 ms | age p99 "
      "ms | kB/client |\n"
      "|---|---|---|---|---|---|---|---|\n",
      picture.size());
  std::string list = options["--clients"] + ",";
  for (std::size_t at = 0; at < list.size(); at = list.find(',', at) + 1) {
    const int clients = std::atoi(list.c_str() + at);
    std::vector<Figures> limit, ours;
    for (int i = 0; i < repeats; ++i) {
      limit.push_back(run_limit(picture, clients, seconds));
      ours.push_back(run_mjpegserve(argv[1], clients, 0, seconds));
    }
    const std::string text = std::to_string(clients);
    print(text.c_str(), "limit", median(limit), median(limit).cpu_per_gb);
    print(text.c_str(), "mjpegserve", median(ours), median(limit).cpu_per_gb);
  }
  std::vector<Figures> alone, beside;
  for (int i = 0; i < repeats; ++i) {
    alone.push_back(run_mjpegserve(argv[1], 50, 0, seconds));
    beside.push_back(run_mjpegserve(argv[1], 50, 1, seconds));
  }
  print("50", "mjpegserve, alone", median(alone), 0);
  print("50 + 1 that never reads", "mjpegserve", median(beside), 0);
  ::kill(camera, SIGKILL);
  ::waitpid(camera, nullptr, 0);
  std::filesystem::remove_all(directory);
  return 0;
}
