// The RTSP server: listeners, connections, sessions and mounts on one event loop.
#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "app/metrics.h"
#include "mount.h"
#include "net/auth.h"
#include "net/listen.h"

namespace camring::rtspserve {

class Publisher;
struct ServerState;

struct ServerOptions {
  std::size_t max_clients = 500;
  std::size_t max_clients_per_address = 500;
  std::size_t max_header_bytes = 8192;
  std::chrono::nanoseconds idle_timeout = std::chrono::seconds(30);     ///< without a session
  std::chrono::nanoseconds session_timeout = std::chrono::seconds(60);  ///< UDP: without a sign of life
  std::chrono::nanoseconds kick_after = std::chrono::seconds(10);       ///< TCP: without progress
  bool udp = true;
  std::string multicast;                ///< first group address; empty: none
  std::uint16_t multicast_port = 5004;  ///< of the first mount; RFC 3551, section 8
  unsigned ttl = 16;
  MountOptions mount;
};

/// Runs in the thread that calls run(). post() is for every thread; all else before run() or in the loop's
/// turn.
class Server {
 public:
  Server(ServerOptions options, app::Metrics& metrics);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  void add_mount(const std::string& name, const std::string& ring);
  void add_listener(net::ListeningSocket socket, bool tls);
  /// @throws Error (config) when certificate or key can't be used.
  void use_tls(const std::string& certificate_file, const std::string& key_file);
  /// Passwords for one mount; "" for all that have none of their own.
  void use_passwords(const std::string& mount, std::shared_ptr<net::PasswordFile> passwords);

  void run(int stop_fd);
  void post(std::function<void()> task);
  void every(std::chrono::nanoseconds interval, std::function<void()> task);

  [[nodiscard]] const std::map<std::string, std::unique_ptr<Mount>>& mounts() const noexcept;
  [[nodiscard]] std::size_t clients() const noexcept;
  [[nodiscard]] std::string state_json(const Publisher* publisher) const;
  /// Why the mount of this name, or any, is not ready; empty when all are.
  [[nodiscard]] std::string not_ready() const;

 private:
  std::unique_ptr<ServerState> state_;
};

}  // namespace camring::rtspserve
