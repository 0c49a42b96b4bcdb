// What the server's parts share; not for tools.
#pragma once

#include <boost/asio/generic/stream_protocol.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/thread_pool.hpp>
#include <map>

#include "net/loop.h"
#include "net/server.h"

namespace camring::net {

namespace asio = boost::asio;

/// A connection as the server keeps it.
class Connection {
 public:
  virtual ~Connection() = default;
  virtual void start() = 0;
  virtual void close() noexcept = 0;
  /// Called twice a second: closes a stream that makes no progress.
  virtual void check_progress(std::int64_t now_ns) = 0;
};

struct Server::State {
  State(ServerOptions wanted, Handler wanted_handler)
      : options(std::move(wanted)), handler(std::move(wanted_handler)) {}

  void accept_from(asio::posix::stream_descriptor& listener);
  void take(int fd);
  void forget(Connection* connection, const std::string& address);
  void close_all();

  ServerOptions options;
  Handler handler;
  Loop loop;
  asio::thread_pool hashing{1};
  std::size_t hashing_now = 0;
  std::vector<ListeningSocket> sockets;
  std::vector<std::unique_ptr<asio::posix::stream_descriptor>> listeners;
  std::shared_ptr<asio::ssl::context> tls;
  std::shared_ptr<PasswordFile> passwords;
  std::map<Connection*, std::shared_ptr<Connection>> connections;
  std::map<std::string, std::size_t> per_address;
  std::function<std::chrono::nanoseconds()> farewell;
  std::uint64_t refused = 0, kicked = 0;
  bool stopping = false;
};

/// Makes the connection object for an accepted socket; `refuse`: it only gets a 503.
[[nodiscard]] std::shared_ptr<Connection> make_connection(Server::State& state, int fd, std::string address,
                                                          bool refuse);

}  // namespace camring::net
