#include "sse/sides.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "base/clock.h"
#include "ring/ring_writer.h"
#include "sse/limit.h"
#include "support/pace.h"

namespace bench {
namespace {

constexpr std::string_view kPlace = "http://127.0.0.1:";
// sseserve keeps ten seconds for clients that come back, memory that has nothing to do with how many there
// are; it is full by then.
constexpr std::int64_t kKept = 12'000'000'000;

template <class Start>
Child on_server_core(Start&& start) {
  run_on_core(kServerCore);
  Child child = start();
  run_on_core(kOtherCore);
  return child;
}

bool in_path(const std::string& program) {
  const std::string path = std::string(::getenv("PATH")) + ":/usr/sbin";
  for (std::size_t at = 0; at < path.size();) {
    const std::size_t end = std::min(path.find(':', at), path.size());
    if (::access((path.substr(at, end - at) + "/" + program).c_str(), X_OK) == 0) return true;
    at = end + 1;
  }
  return false;
}

class LimitSide : public ServerSide {
 public:
  [[nodiscard]] std::string name() const override { return "limit"; }
  [[nodiscard]] RunningServer start(const Content& content) const override {
    const camring::UniqueFd log = make_log();
    RunningServer server;
    server.process =
        on_server_core([&] { return Child::run([&] { serve_at_the_limit(content, log.get()); }); });
    server.port = port_in(log, kPlace);
    return server;
  }
};

class SseserveSide : public ServerSide {
 public:
  SseserveSide(std::string name, std::string program)
      : name_(std::move(name)), program_(std::move(program)) {}
  [[nodiscard]] std::string name() const override { return name_; }
  [[nodiscard]] RunningServer start(const Content& content) const override {
    const camring::UniqueFd log = make_log();
    RunningServer server;
    server.feeder = Child::run([&] { write_rings(content); });
    sleep_until(camring::monotonic_ns() + 300'000'000);
    server.process = on_server_core([&] { return Child::execute(sseserve_command(program_, 0), log.get()); });
    server.port = port_in(log, kPlace);
    server.path = "/streams/sse/bench/raw";
    sleep_until(camring::monotonic_ns() + kKept);
    return server;
  }

 private:
  std::string name_, program_;
};

// What server.mjs reads.
void write_messages(const Content& content, int fd) {
  const auto write_one = [fd](std::uint8_t kind, double capture_ms, const std::vector<std::uint8_t>& bytes) {
    std::vector<std::uint8_t> message(13 + bytes.size());
    const auto length = static_cast<std::uint32_t>(9 + bytes.size());
    std::memcpy(message.data(), &length, 4);
    message[4] = kind;
    std::memcpy(message.data() + 5, &capture_ms, 8);
    std::copy(bytes.begin(), bytes.end(), message.begin() + 13);
    for (std::size_t at = 0; at < message.size();) {
      const ssize_t written = ::write(fd, message.data() + at, message.size() - at);
      if (written <= 0) return false;
      at += static_cast<std::size_t>(written);
    }
    return true;
  };
  if (!write_one(0, 0, content.init)) return;
  std::int64_t due = camring::monotonic_ns();
  for (std::size_t next = 0;; next = (next + 1) % content.units.size()) {
    sleep_until(due += content.rate.frame_ns());
    const Unit& unit = content.units[next];
    if (!write_one(unit.keyframe ? 1 : 2, static_cast<double>(camring::realtime_ns() / 1000) / 1000,
                   unit.fragment))
      return;
  }
}

class NodeSide : public ServerSide {
 public:
  explicit NodeSide(std::string script) : script_(std::move(script)) {}
  [[nodiscard]] std::string name() const override { return "Node.js"; }
  [[nodiscard]] std::string missing() const override {
    return in_path("node") ? "" : "node is not installed";
  }
  [[nodiscard]] RunningServer start(const Content& content) const override {
    const camring::UniqueFd log = make_log();
    const auto [read_end, write_end] = make_pipe();
    RunningServer server;
    server.process = on_server_core([&, in = read_end.get()] {
      return Child::execute({"node", script_}, log.get(), in);
    });
    server.feeder = Child::run([&content, out = write_end.get()] { write_messages(content, out); });
    server.port = port_in(log, kPlace);
    sleep_until(camring::monotonic_ns() + 1'200'000'000);  // a keyframe comes each second
    return server;
  }

 private:
  std::string script_;
};

class NginxSide : public ServerSide {
 public:
  explicit NginxSide(NginxPace pace) : pace_(pace) {}
  [[nodiscard]] std::string name() const override {
    return pace_ == NginxPace::event    ? "nginx"
           : pace_ == NginxPace::second ? "nginx, a second at once"
                                        : "nginx, full speed";
  }
  [[nodiscard]] std::string missing() const override {
    return in_path("nginx") ? "" : "nginx is not installed (scripts/setup bench)";
  }
  [[nodiscard]] RunningServer start(const Content& content) const override {
    RunningServer server;
    server.port = free_port();
    server.is_file = true;
    server.path = "/events";
    const std::string config = write_files(content, server.port);
    server.process = on_server_core([&] {
      return Child::execute(
          {::access("/usr/sbin/nginx", X_OK) == 0 ? "/usr/sbin/nginx" : "nginx", "-c", config});
    });
    sleep_until(camring::monotonic_ns() + 500'000'000);
    return server;
  }

 private:
  // The events, a minute or so of them, and the configuration; the latter's path.
  [[nodiscard]] std::string write_files(const Content& content, int port) const {
    const std::string directory = ::getenv("CAMRING_DIR");
    const std::size_t second_bytes = write_events(content, directory + "/events");
    const auto event_bytes = second_bytes / content.units.size();
    std::string text = "daemon off;\nmaster_process off;\nerror_log stderr crit;\npid " + directory +
                       "/nginx.pid;\nevents { worker_connections 19000; }\nhttp {\n  access_log off;\n";
    for (const char* kind : {"client_body", "proxy", "fastcgi", "uwsgi", "scgi"})
      text += std::string("  ") + kind + "_temp_path " + directory + "/nginx-" + kind + ";\n";
    text +=
        "  default_type text/event-stream;\n  sendfile on;\n  tcp_nopush off;\n  tcp_nodelay on;\n"
        "  keepalive_timeout 0;\n  open_file_cache max=10;\n  server {\n    listen 127.0.0.1:" +
        std::to_string(port) + " backlog=4096;\n    root " + directory + ";\n";
    if (pace_ != NginxPace::none) text += "    limit_rate " + std::to_string(second_bytes) + ";\n";
    if (pace_ == NginxPace::event) text += "    sendfile_max_chunk " + std::to_string(event_bytes) + ";\n";
    text += "  }\n}\n";
    put(directory + "/nginx.conf", {text.begin(), text.end()});
    return directory + "/nginx.conf";
  }
  // The size of a second's events.
  static std::size_t write_events(const Content& content, const std::string& path) {
    std::vector<std::uint8_t> second, all = make_init_event(content);
    std::vector<Event> events = make_events(content);
    std::uint64_t sequence = 0;
    for (int i = 0; i < 60; ++i) {
      for (Event& event : events) {
        stamp(event, ++sequence, 0);  // an age means nothing here, and is not counted
        all.insert(all.end(), event.bytes.begin(), event.bytes.end());
        if (i == 0) second.insert(second.end(), event.bytes.begin(), event.bytes.end());
      }
    }
    put(path, all);
    return second.size();
  }
  static void put(const std::string& path, const std::vector<std::uint8_t>& bytes) {
    const camring::UniqueFd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    if (::write(file.get(), bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("could not write " + path);
  }

  NginxPace pace_;
};

}  // namespace

void write_rings(const Content& content) {
  const auto make = [&content](const char* name) {
    camring::RingSpec spec;
    spec.name = name;
    spec.format = camring::coded_format(camring::Codec::h264, {1280, 720},
                                        {static_cast<std::uint32_t>(content.rate.fps), 1});
    spec.format.extradata = content.parameter_sets;
    return std::make_unique<camring::RingWriter>(spec);
  };
  const auto raw = make("raw"), annotated = make("annotated");
  std::int64_t due = camring::monotonic_ns();
  for (std::uint64_t number = 1;; ++number) {
    due += content.rate.frame_ns();
    // Writers show signs of life more often than the slowest of these streams has frames.
    for (std::int64_t now; (now = camring::monotonic_ns()) < due;) {
      sleep_until(std::min(due, now + 200'000'000));
      raw->beat_loop();
      annotated->beat_loop();
    }
    const Unit& unit = content.units[(number - 1) % content.units.size()];
    camring::CommitInfo info;
    info.flags = unit.keyframe ? camring::frame_flag::keyframe : 0;
    info.capture_ns = camring::monotonic_ns();
    raw->publish(unit.annex_b, info);
    raw->beat_capture();
    info.source_number = number;
    info.source_capture_ns = info.capture_ns;
    annotated->publish(unit.annex_b, info);
    annotated->beat_capture();
  }
}

std::vector<std::string> sseserve_command(const std::string& program, int port) {
  return {program,
          "--camera",
          "bench,raw=raw,annotated=annotated",
          "--listen",
          "127.0.0.1:" + std::to_string(port),
          "--auth",
          "none",
          "--max-connections",
          "19000",
          "--max-clients-per-address",
          "19000"};
}

int free_port() {
  const camring::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), size);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  return ntohs(address.sin_port);
}

std::unique_ptr<ServerSide> make_limit_side() { return std::make_unique<LimitSide>(); }
std::unique_ptr<ServerSide> make_sseserve_side(const std::string& name, const std::string& program) {
  return std::make_unique<SseserveSide>(name, program);
}
std::unique_ptr<ServerSide> make_node_side(const std::string& script) {
  return std::make_unique<NodeSide>(script);
}
std::unique_ptr<ServerSide> make_nginx_side(NginxPace pace) { return std::make_unique<NginxSide>(pace); }

}  // namespace bench
