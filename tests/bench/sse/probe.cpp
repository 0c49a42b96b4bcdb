#include "sse/probe.h"

#include <signal.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <stdexcept>
#include <system_error>

#include "base/clock.h"
#include "sse/load.h"
#include "sse/sides.h"
#include "support/pace.h"
#include "support/report.h"

namespace bench {
namespace {

constexpr int kTimes = 30;
constexpr std::int64_t kRoused =
    6'000'000'000;  // for so long a server is awake after its start, and after a question
constexpr std::string_view kStreams = "/streams/sse/bench/";

// One connection, one thing at a time.
class Client {
 public:
  explicit Client(int port) : fd_(connect_to(port)) {
    const timeval patience{5, 0};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  }
  void ask(const std::string& method, const std::string& path, const std::string& body = {}) {
    std::string text = method + " " + path + " HTTP/1.1\r\nHost: bench\r\n";
    if (!body.empty()) text += "Content-Length: " + std::to_string(body.size()) + "\r\n";
    text += "\r\n" + body;
    if (::send(fd_.get(), text.data(), text.size(), MSG_NOSIGNAL) < 0)
      throw std::system_error(errno, std::generic_category(), path);
  }
  // The body of an answer that tells its length. @throws std::runtime_error when it is no success
  std::string answer() {
    const std::string head = through("\r\n\r\n");
    const std::size_t length = head.find("Content-Length: ");
    if (!head.starts_with("HTTP/1.1 2") || length == std::string::npos)
      throw std::runtime_error("refused: " + head);
    const auto size = static_cast<std::size_t>(std::atoi(head.c_str() + length + 16));
    while (text_.size() < size) read_some();
    return take(size);
  }
  // Reads past the next whole fragment of that channel.
  void fragment(const std::string& channel) {
    const std::string mark = "data: {\"channel\":\"" + channel + "\"";
    for (;;) {
      const std::string event = through("\n\n");
      const std::size_t name = event.find("event: fragment\n");
      if (name != std::string::npos && event.compare(name + 16, mark.size(), mark) == 0) return;
    }
  }
  // What came up to this text, with it.
  std::string through(const std::string& end) {
    std::size_t from = 0, at = 0;
    while ((at = text_.find(end, from)) == std::string::npos) {
      from = text_.size() < end.size() ? 0 : text_.size() - end.size();
      read_some();
    }
    return take(at + end.size());
  }

 private:
  std::string take(std::size_t size) {
    std::string taken = text_.substr(0, size);
    text_.erase(0, size);
    return taken;
  }
  void read_some() {
    std::array<char, 65536> buffer;
    const ssize_t got = ::recv(fd_.get(), buffer.data(), buffer.size(), 0);
    if (got <= 0) throw std::runtime_error("the server said nothing for 5 s, or left");
    text_.append(buffer.data(), static_cast<std::size_t>(got));
  }
  camring::UniqueFd fd_;
  std::string text_;
};

double ms_of(const std::function<void()>& what) {
  const std::int64_t began = camring::monotonic_ns();
  what();
  return static_cast<double>(camring::monotonic_ns() - began) * 1e-6;
}

void row(const std::string& what, const std::string& viewers, std::vector<double> times,
         const std::string& goal) {
  std::sort(times.begin(), times.end());
  Table::row({what, viewers, digits(median(times)), digits(times.back()), goal});
}

std::vector<double> many(const std::function<double()>& once) {
  std::vector<double> times;
  for (int i = 0; i < kTimes; ++i) times.push_back(once());
  return times;
}

// From before the process is made to the answer.
double start_ms(const std::string& program) {
  const int port = free_port();
  Child server;
  const double ms = ms_of([&] {
    run_on_core(kServerCore);
    server = Child::execute(sseserve_command(program, port));
    run_on_core(kOtherCore);
    for (;;) {
      try {
        Client client(port);
        client.ask("GET", "/healthz");
        (void)client.answer();
        return;
      } catch (const std::system_error&) {
        sleep_until(camring::monotonic_ns() + 200'000);  // it does not listen yet
      }
    }
  });
  server.signal(SIGTERM);
  (void)server.wait(std::chrono::seconds(5));
  return ms;
}

double first_fragment_ms(int port) {
  return ms_of([&] {
    Client client(port);
    client.ask("GET", std::string(kStreams) + "raw");
    client.fragment("raw");
  });
}

double switch_ms(int port) {
  Client stream(port), control(port);
  stream.ask("GET", std::string(kStreams) + "dual?initial_channel=raw");
  const std::string hello = stream.through("\"camera\"");
  const std::string key = "\"connection_id\":\"";
  const std::size_t at = hello.find(key) + key.size();
  const std::string id = hello.substr(at, hello.find('"', at) - at);
  stream.fragment("raw");
  return ms_of([&] {
    control.ask("POST", std::string(kStreams) + "switch",
                R"({"new_channel":"annotated","connection_id":")" + id + "\"}");
    stream.fragment("annotated");
  });
}

// What it costs to keep ready for viewers, in each of some seconds.
std::vector<double> idle_ms(pid_t server) {
  sleep_until(camring::monotonic_ns() + kRoused);
  std::vector<double> times;
  for (int second = 0; second < 5; ++second) {
    const double before = cpu_seconds(server);
    sleep_until(camring::monotonic_ns() + 1'000'000'000);
    times.push_back((cpu_seconds(server) - before) * 1e3);
  }
  return times;
}

void time_with(int port, const std::string& viewers) {
  row("connection to first fragment", viewers, many([&] { return first_fragment_ms(port); }), "50");
  row("switch to the other channel's first fragment", viewers, many([&] { return switch_ms(port); }), "100");
  Client client(port);
  const auto answer_ms = [&](const std::string& method, const std::string& path,
                             const std::string& body = {}) {
    return many([&, body] {
      return ms_of([&] {
        client.ask(method, path, body);
        (void)client.answer();
      });
    });
  };
  row("POST subscribe", viewers,
      answer_ms("POST", std::string(kStreams) + "subscribe", R"({"channel":"raw"})"), "1");
  row("GET sync-stats", viewers, answer_ms("GET", std::string(kStreams) + "sync-stats"), "2");
  row("GET dual-channel/stats", viewers, answer_ms("GET", "/streams/dual-channel/stats"), "2");
  row("GET stats, of all streams", viewers, answer_ms("GET", "/streams/sse/stats"), "2");
  row("GET metrics", viewers, answer_ms("GET", "/metrics"), "");
}

}  // namespace

void time_answers(const std::string& program, int viewers) {
  std::printf("\nsseserve, one thing at a time, ms; %d times each.\n\n", kTimes);
  const Table table({"what", "viewers beside it", "p50", "max", "goal"});
  const auto side = make_sseserve_side("sseserve", program);
  {
    const Content content = make_content(rate_for(1));
    const RunningServer server = side->start(content);  // for its rings
    row("CPU a second with two rings that nobody watches", "0", idle_ms(server.process.pid()), "");
    row("start to the answer of /healthz", "0", many([&] { return start_ms(program); }), "10");
    time_with(server.port, "0");
  }
  const Content content = make_content(rate_for(viewers));
  const RunningServer server = side->start(content);
  const auto [read_end, write_end] = make_pipe();
  const Child beside = Child::run([&, out = write_end.get()] {
    Load load(server.port, server.path, viewers);
    if (::write(out, "ready\n", 6) != 6) return;
    for (;;) (void)load.run(1);
  });
  if (read_until(read_end.get(), "ready", std::chrono::seconds(60)).empty())
    throw std::runtime_error("the viewers got no fragments");
  time_with(server.port, std::to_string(viewers));
}

}  // namespace bench
