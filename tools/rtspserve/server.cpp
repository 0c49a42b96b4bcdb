#include "server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <unistd.h>

#include <arpa/inet.h>
#include <array>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <nlohmann/json.hpp>

#include "app/log.h"
#include "base/clock.h"
#include "base/error.h"
#include "publisher.h"
#include "server_state.h"

namespace camring::rtspserve {
namespace {

using namespace std::chrono_literals;

constexpr auto kHousekeeping = 250ms;
constexpr auto kOutOfDescriptors = 100ms;
constexpr std::int64_t kReportEveryNs = 2'500'000'000;
// What the kernel keeps for a client that is behind is lag that we could not take back.
constexpr int kUnsentBytes = 128 * 1024;

UdpAddress address_of(int fd, bool peer) {
  UdpAddress address;
  address.size = sizeof address.storage;
  auto* generic = reinterpret_cast<sockaddr*>(&address.storage);
  const int result =
      peer ? ::getpeername(fd, generic, &address.size) : ::getsockname(fd, generic, &address.size);
  if (result != 0) address = {};
  return address;
}

std::string tls_error() {
  std::array<char, 256> text{};
  ERR_error_string_n(ERR_get_error(), text.data(), text.size());
  ERR_clear_error();
  return text.data();
}

}  // namespace

ServerState::ServerState(ServerOptions wanted, app::Metrics& all)
    : options(std::move(wanted)),
      metrics(all),
      refused(all.counter("connections_refused_total", "Connections turned away for a limit.")),
      kicked(all.counter("clients_kicked_total", "Clients closed for lack of progress.")),
      requests(all.counter("requests_total", "RTSP requests.")),
      bad_requests(all.counter("bad_requests_total", "Requests that were no RTSP, or broke its rules.")),
      connections_gauge(all.gauge("connections", "Connections now.")) {
  udp = std::make_unique<UdpSender>();
  udp->set_multicast_ttl(options.ttl);
  rtp_events = std::make_unique<asio::posix::stream_descriptor>(loop.context(), ::dup(udp->rtp_fd()));
  rtcp_events = std::make_unique<asio::posix::stream_descriptor>(loop.context(), ::dup(udp->rtcp_fd()));
  read_rtcp(udp->rtp_fd(), *rtp_events);  // some clients open their firewall there: read and thrown away
  read_rtcp(udp->rtcp_fd(), *rtcp_events);
}

ServerState::~ServerState() {
  hashing.join();
  for (const auto& listener : listeners) {
    if (!listener->unlink_path.empty()) ::unlink(listener->unlink_path.c_str());
  }
  groups.clear();
  connections.clear();
  sessions.clear();
  mounts.clear();
}

void ServerState::read_rtcp(int fd, asio::posix::stream_descriptor& events) {
  events.async_wait(
      asio::posix::stream_descriptor::wait_read,
      loop.in_turn([this, fd, &events](boost::system::error_code error) {
        if (error || stopping) return;
        std::array<std::uint8_t, 2048> buffer;
        for (int i = 0; i < 64; ++i) {
          UdpAddress from;
          from.size = sizeof from.storage;
          const ssize_t got = ::recvfrom(fd, buffer.data(), buffer.size(), 0,
                                         reinterpret_cast<sockaddr*>(&from.storage), &from.size);
          if (got < 0) break;
          // RTCP begins so (RFC 5761, section 4); what does not is not worth looking whose it is.
          if (fd != udp->rtcp_fd() || got < 8 || buffer[0] >> 6 != 2 || buffer[1] < 192 || buffer[1] > 223)
            continue;
          for (const auto& [id, session] : sessions) {
            if (session->kind == Session::Kind::tcp) continue;
            const bool from_it =
                session->kind == Session::Kind::udp
                    ? session->rtcp_to.port() == from.port() && session->rtcp_to.same_host(from)
                    : session->connection != nullptr && session->connection->peer().same_host(from);
            if (from_it) session->received(std::span(buffer).first(static_cast<std::size_t>(got)));
          }
        }
        read_rtcp(fd, events);
      }));
}

void ServerState::accept_from(Listener& listener) {
  listener.socket->async_wait(
      asio::posix::stream_descriptor::wait_read,
      loop.in_turn([this, &listener](boost::system::error_code error) {
        if (error || stopping) return;
        for (int taken = 0; taken < 64; ++taken) {
          const int fd =
              ::accept4(listener.socket->native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
          if (fd >= 0) {
            take(fd, listener.tls);
            continue;
          }
          if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // The listener stays readable: without a pause this would spin.
            loop.after(kOutOfDescriptors, [this, &listener] { accept_from(listener); });
            return;
          }
          break;
        }
        accept_from(listener);
      }));
}

void ServerState::take(int fd, bool secure) {
  UniqueFd socket(fd);
  const UdpAddress peer = address_of(fd, true);
  const std::string host = peer.host();
  if (connections.size() >= options.max_clients ||
      (per_address.contains(host) && per_address[host] >= options.max_clients_per_address)) {
    refused.add();
    static constexpr std::string_view kBusy = "RTSP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\n\r\n";
    if (!secure) (void)!::send(fd, kBusy.data(), kBusy.size(), MSG_NOSIGNAL);
    return;
  }
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &kUnsentBytes, sizeof kUnsentBytes);
  ++per_address[host];
  ByteStream stream = secure ? ByteStream(std::move(socket), tls.get()) : ByteStream(std::move(socket));
  if (secure && !stream.secure()) {  // no memory for TLS: never in the clear instead
    if (--per_address[host] == 0) per_address.erase(host);
    refused.add();
    return;
  }
  auto connection = std::make_shared<Connection>(*this, std::move(stream), peer, address_of(fd, false));
  connections[connection.get()] = connection;
  connections_gauge.set(static_cast<double>(connections.size()));
  connection->start();
}

void ServerState::forget(Connection* connection) {
  const auto found = per_address.find(connection->peer().host());
  if (found != per_address.end() && --found->second == 0) per_address.erase(found);
  connections.erase(connection);
  connections_gauge.set(static_cast<double>(connections.size()));
}

void ServerState::remove_session(Session& session, bool bye) {
  const auto found = sessions.find(session.id);
  if (found == sessions.end()) return;
  const std::shared_ptr<Session> keep = found->second;
  sessions.erase(found);
  if (session.kind == Session::Kind::multicast) {
    Group* group = group_of(session.mount);
    if (session.playing && group != nullptr && --group->members == 0) session.mount.pause(*group->sender);
    session.playing = false;
  } else {
    if (bye && session.playing) {
      const auto packet = session.sender_report(monotonic_ns(), true);
      if (session.kind == Session::Kind::tcp) {
        session.connection->send_interleaved(static_cast<std::uint8_t>(session.channel + 1), packet);
      } else {
        udp->send_one(packet, session.rtcp_path(), true);
      }
    }
    session.mount.pause(session);
  }
  if (session.connection != nullptr) std::exchange(session.connection, nullptr)->forget(&session);
}

void ServerState::housekeeping() {
  const std::int64_t now = monotonic_ns();
  const auto report = [&](Session& session) {
    if (!session.playing || now < session.report_due_ns) return;
    session.report_due_ns = now + kReportEveryNs;
    const auto packet = session.sender_report(now);
    if (session.kind == Session::Kind::tcp) {
      session.connection->send_interleaved(static_cast<std::uint8_t>(session.channel + 1), packet);
    } else {
      udp->send_one(packet, session.rtcp_path(), true);
    }
  };
  for (const auto& [id, session] : sessions) {
    if (session->kind != Session::Kind::multicast) report(*session);
  }
  for (const auto& [name, group] : groups) report(*group->sender);
  const auto all = connections;  // checking may close, and so erase
  for (const auto& [key, connection] : all) connection->check(now);
}

Mount* ServerState::find_mount(const std::string& path, std::string& rest) {
  std::string_view name = path;
  while (name.starts_with('/')) name.remove_prefix(1);
  const std::size_t slash = name.find('/');
  rest = slash == std::string_view::npos ? "" : std::string(name.substr(slash + 1));
  while (rest.ends_with('/')) rest.pop_back();
  const auto found = mounts.find(std::string(name.substr(0, slash)));
  return found == mounts.end() ? nullptr : found->second.get();
}

std::shared_ptr<net::PasswordFile> ServerState::passwords_for(const std::string& mount) const {
  auto found = passwords.find(mount);
  if (found == passwords.end()) found = passwords.find("");
  return found == passwords.end() ? nullptr : found->second;
}

ServerState::Group* ServerState::group_of(Mount& mount) {
  const auto found = groups.find(mount.name());
  return found == groups.end() ? nullptr : found->second.get();
}

Server::Server(ServerOptions options, app::Metrics& metrics)
    : state_(std::make_unique<ServerState>(std::move(options), metrics)) {
  every(kHousekeeping, [this] { state_->housekeeping(); });
}

Server::~Server() = default;

void Server::add_mount(const std::string& name, const std::string& ring) {
  ServerState& state = *state_;
  auto mount =
      std::make_unique<Mount>(name, ring, state.options.mount, state.loop, *state.udp, state.metrics);
  mount->on_other_stream = [&state](Mount& changed) {
    // Another codec needs another description: clients ask for it when they come back.
    std::vector<std::shared_ptr<Session>> theirs;
    for (const auto& [id, session] : state.sessions) {
      if (&session->mount == &changed) theirs.push_back(session);
    }
    for (const auto& session : theirs) {
      if (session->connection == nullptr) continue;  // went with another session of the same connection
      const auto connection = session->connection->shared_from_this();
      state.remove_session(*session, true);
      connection->pump();
      connection->close("the stream is another now");
    }
  };
  if (!state.options.multicast.empty()) {
    in_addr group{};
    if (::inet_pton(AF_INET, state.options.multicast.c_str(), &group) != 1) {
      throw Error(ExitCode::usage, "read options", "--multicast",
                  "'" + state.options.multicast + "' is no IPv4 address", "e.g. --multicast 239.255.42.1");
    }
    // Each mount has a group of its own, so that a switch brings nobody what he did not ask for.
    auto made = std::make_unique<ServerState::Group>();
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(ntohl(group.s_addr) + static_cast<std::uint32_t>(state.groups.size()));
    const auto port = static_cast<std::uint16_t>(state.options.multicast_port + 2 * state.groups.size());
    to.sin_port = htons(port);
    UdpAddress address;
    std::memcpy(&address.storage, &to, sizeof to);
    address.size = sizeof to;
    made->rtp = state.udp->adapt(address);
    made->rtcp = made->rtp.with_port(static_cast<std::uint16_t>(port + 1));
    made->sender = std::make_unique<Session>("", *mount, Session::Kind::multicast, mount->store(),
                                             state.options.mount.max_lag);
    made->sender->rtp_to = made->rtp;
    made->sender->rtcp_to = made->rtcp;
    state.groups[name] = std::move(made);
  }
  state.mounts[name] = std::move(mount);
}

void Server::add_listener(net::ListeningSocket socket, bool tls) {
  auto listener = std::make_unique<ServerState::Listener>();
  listener->socket =
      std::make_unique<asio::posix::stream_descriptor>(state_->loop.context(), socket.fd.release());
  listener->tls = tls;
  listener->unlink_path = socket.unlink_path;
  if (!state_->options.multicast.empty()) {
    const std::string host = address_of(listener->socket->native_handle(), false).host();
    // Listening on one address: multicast leaves there too.
    if (!host.empty() && host != "::" && host != "0.0.0.0") state_->udp->set_multicast_interface(host);
  }
  state_->accept_from(*listener);
  state_->listeners.push_back(std::move(listener));
}

void Server::use_tls(const std::string& certificate_file, const std::string& key_file) {
  std::shared_ptr<SSL_CTX> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  if (SSL_CTX_use_certificate_chain_file(context.get(), certificate_file.c_str()) != 1 ||
      SSL_CTX_use_PrivateKey_file(context.get(), key_file.c_str(), SSL_FILETYPE_PEM) != 1 ||
      SSL_CTX_check_private_key(context.get()) != 1) {
    throw Error(ExitCode::config, "use certificate", certificate_file + " and " + key_file, tls_error(),
                "both must be PEM files, and belong to each other");
  }
  state_->tls = std::move(context);
}

void Server::use_passwords(const std::string& mount, std::shared_ptr<net::PasswordFile> passwords) {
  state_->passwords[mount] = std::move(passwords);
}

void Server::run(int stop_fd) {
  asio::posix::stream_descriptor stop(state_->loop.context(), ::dup(stop_fd));
  stop.async_wait(asio::posix::stream_descriptor::wait_read,
                  state_->loop.in_turn([this](boost::system::error_code) {
                    state_->stopping = true;
                    for (const auto& [name, mount] : state_->mounts) mount->feed().stop();
                    const auto sessions = state_->sessions;
                    for (const auto& [id, session] : sessions) state_->remove_session(*session, true);
                    const auto all = state_->connections;
                    for (const auto& [key, connection] : all) {
                      connection->pump();
                      connection->close("the server stops");
                    }
                    state_->loop.stop();
                  }));
  state_->loop.run();
}

void Server::post(std::function<void()> task) { state_->loop.post(std::move(task)); }

void Server::every(std::chrono::nanoseconds interval, std::function<void()> task) {
  state_->loop.every(interval, std::move(task));
}

const std::map<std::string, std::unique_ptr<Mount>>& Server::mounts() const noexcept {
  return state_->mounts;
}
std::size_t Server::clients() const noexcept { return state_->connections.size(); }

std::string Server::not_ready() const {
  std::string reasons;
  for (const auto& [name, mount] : state_->mounts) {
    const FeedState state = mount->feed().state();
    if (!state.reason.empty()) reasons += (reasons.empty() ? "" : "; ") + name + ": " + state.reason;
  }
  return reasons;
}

std::string Server::state_json(const Publisher* publisher) const {
  using Json = nlohmann::ordered_json;
  const std::int64_t now = monotonic_ns();
  Json mounts = Json::array();
  for (const auto& [name, mount] : state_->mounts) {
    const FeedState state = mount->feed().state();
    Json json{{"name", name},
              {"ring", mount->feed().ring()},
              {"ready", state.reason.empty()},
              {"reason", state.reason},
              {"writer", std::string(to_string(state.writer))},
              {"codec", std::string(to_string(state.format.codec))},
              {"width", state.format.size.width},
              {"height", state.format.size.height},
              {"fps", state.period_ns > 0 ? 1e9 / static_cast<double>(state.period_ns) : 0.0},
              {"frames", state.frames},
              {"missed", state.missed},
              {"unfit", state.unfit},
              {"clients", mount->viewers()}};
    json["age_ms"] = nullptr;
    if (state.capture_ns) json["age_ms"] = static_cast<double>(now - *state.capture_ns) * 1e-6;
    mounts.push_back(std::move(json));
  }
  Json sessions = Json::array();
  for (const auto& [id, session] : state_->sessions) {
    static constexpr const char* kKinds[] = {"tcp", "udp", "multicast"};
    Json json{{"mount", session->mount.name()},
              {"peer", session->peer},
              {"user", session->user},
              {"transport", kKinds[static_cast<int>(session->kind)]},
              {"srtp", session->srtp != nullptr},
              {"playing", session->playing},
              {"seconds", static_cast<double>(now - session->began_ns) * 1e-9},
              {"packets", session->packets},
              {"bytes", session->bytes},
              {"skipped", session->cursor.skipped()}};
    json["loss"] = json["lost"] = json["jitter_ms"] = json["round_trip_ms"] = nullptr;
    if (session->reception) {
      json["loss"] = session->reception->fraction_lost / 256.0;
      json["lost"] = session->reception->lost;
      json["jitter_ms"] = session->reception->jitter / (rtp::kClockRate / 1000.0);
    }
    if (session->round_trip_s) json["round_trip_ms"] = *session->round_trip_s * 1e3;
    sessions.push_back(std::move(json));
  }
  Json published = nullptr;
  if (publisher != nullptr) {
    const PublisherState state = publisher->state();
    published =
        Json{{"ring", publisher->ring()}, {"url", publisher->url().shown}, {"recording", state.recording},
             {"reason", state.reason},    {"frames", state.frames},        {"bytes", state.bytes},
             {"skipped", state.skipped},  {"reconnects", state.reconnects}};
  }
  const Json json{{"tool", "rtspserve"},
                  {"version", CAMRING_VERSION},
                  {"clients", state_->connections.size()},
                  {"refused", state_->refused.value()},
                  {"kicked", state_->kicked.value()},
                  {"mounts", std::move(mounts)},
                  {"sessions", std::move(sessions)},
                  {"publish", std::move(published)}};
  return json.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace camring::rtspserve
