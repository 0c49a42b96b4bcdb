// The servers that are measured, each in a process of its own, on a core of its own where there are two.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sse/content.h"
#include "support/process.h"

namespace bench {

/// What a server runs on; whatever feeds it, and the viewers, run on the other.
inline constexpr unsigned kServerCore = 0, kOtherCore = 1;

/// A server that runs; it and what feeds it die with this object.
struct RunningServer {
  Child feeder, process;
  int port = 0;
  std::string path = "/";
  bool is_file = false;  ///< it has an end, and says nothing of ages
};

struct ServerSide {
  virtual ~ServerSide() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Why it can't run on this machine; empty: it can.
  [[nodiscard]] virtual std::string missing() const { return {}; }
  /// Starts the server and waits until it listens. @throws std::runtime_error when that fails.
  [[nodiscard]] virtual RunningServer start(const Content& content) const = 0;
};

/// A loop that does nothing but send().
[[nodiscard]] std::unique_ptr<ServerSide> make_limit_side();
/// @param program  sseserve; rings in CAMRING_DIR feed it
[[nodiscard]] std::unique_ptr<ServerSide> make_sseserve_side(const std::string& name,
                                                             const std::string& program);
/// @param script  server.mjs
[[nodiscard]] std::unique_ptr<ServerSide> make_node_side(const std::string& script);

enum class NginxPace {
  event,   ///< an event's worth of bytes at a time, as often as events come
  second,  ///< what limit_rate does by itself: a second's worth at once, each second
  none,    ///< as fast as it goes
};
/// The same events ready made as a file in CAMRING_DIR, by sendfile.
[[nodiscard]] std::unique_ptr<ServerSide> make_nginx_side(NginxPace pace);

/// The rings "raw" and "annotated" in CAMRING_DIR, both of the same units at the same times, until killed.
void write_rings(const Content& content);
/// How bench_sse_serve starts sseserve; `port` 0: a free one.
[[nodiscard]] std::vector<std::string> sseserve_command(const std::string& program, int port);
[[nodiscard]] int free_port();

}  // namespace bench
