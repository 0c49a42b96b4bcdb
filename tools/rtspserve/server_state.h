// What the server's parts share; not for others.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/thread_pool.hpp>

#include "connection.h"
#include "net/digest.h"
#include "net/loop.h"
#include "server.h"

namespace camring::rtspserve {

namespace asio = boost::asio;

struct ServerState {
  ServerState(ServerOptions wanted, app::Metrics& all);
  ~ServerState();

  struct Listener {
    std::unique_ptr<asio::posix::stream_descriptor> socket;
    bool tls = false;
    std::string unlink_path;
  };
  void accept_from(Listener& listener);
  void take(int fd, bool tls);
  void forget(Connection* connection);
  void remove_session(Session& session, bool bye);
  void read_rtcp(int fd, asio::posix::stream_descriptor& events);
  void housekeeping();
  /// The mount that a path names, with what follows its name ("trackID=0"); null for an unknown one.
  [[nodiscard]] Mount* find_mount(const std::string& path, std::string& rest);
  [[nodiscard]] std::shared_ptr<net::PasswordFile> passwords_for(const std::string& mount) const;
  /// Group and ports of a mount's multicast.
  struct Group {
    UdpAddress rtp, rtcp;
    std::unique_ptr<Session> sender;  ///< stands for all members
    std::size_t members = 0;
  };
  [[nodiscard]] Group* group_of(Mount& mount);

  ServerOptions options;
  app::Metrics& metrics;
  app::Counter &refused, &kicked, &requests, &bad_requests;
  app::Gauge& connections_gauge;
  net::Loop loop;
  asio::thread_pool hashing{1};
  std::size_t hashing_now = 0;
  std::unique_ptr<UdpSender> udp;
  std::unique_ptr<asio::posix::stream_descriptor> rtp_events, rtcp_events;
  std::map<std::string, std::unique_ptr<Mount>> mounts;
  std::map<std::string, std::unique_ptr<Group>> groups;
  std::map<std::string, std::shared_ptr<Session>> sessions;  ///< by id
  std::map<Connection*, std::shared_ptr<Connection>> connections;
  std::map<std::string, std::size_t> per_address;
  std::vector<std::unique_ptr<Listener>> listeners;
  std::shared_ptr<SSL_CTX> tls;
  std::map<std::string, std::shared_ptr<net::PasswordFile>> passwords;
  net::Nonces nonces;
  bool stopping = false;
};

}  // namespace camring::rtspserve
