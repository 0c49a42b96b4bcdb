#include "net/server.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "app/log.h"
#include "app/notify.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/server_state.h"

namespace camring::net {
namespace {

constexpr auto kCheckEvery = std::chrono::milliseconds(500);
constexpr auto kOutOfDescriptors = std::chrono::milliseconds(100);
constexpr std::size_t kRefusedAtOnce = 32;      // connections over the limit that are still told so
constexpr std::size_t kOtherDescriptors = 128;  // rings, listeners, logs

std::string address_of(int fd) {
  sockaddr_storage storage{};
  socklen_t size = sizeof storage;
  if (::getpeername(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) return "?";
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (storage.ss_family == AF_INET) {
    ::inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(&storage)->sin_addr, text.data(), text.size());
  } else if (storage.ss_family == AF_INET6) {
    ::inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(&storage)->sin6_addr, text.data(),
                text.size());
  } else {
    return "unix";
  }
  return text.data();
}

// Shells and service managers give 1024 descriptors, which select() could take, and leave to have more.
void make_room_for(std::size_t clients) {
  const rlim_t wanted = clients + kRefusedAtOnce + kOtherDescriptors;
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return;
  limit.rlim_cur = std::min(wanted, limit.rlim_max);
  const bool raised = ::setrlimit(RLIMIT_NOFILE, &limit) == 0;
  if (raised && limit.rlim_cur == wanted) return;
  app::log_warning("the system allows " + std::to_string(limit.rlim_max) + " open files, too few for " +
                   std::to_string(clients) +
                   " clients: those above wait; raise LimitNOFILE= of the unit, or 'ulimit -Hn'");
}

}  // namespace

void Reply::operator()(Response response) const {
  if (const auto target = target_.lock()) target->answer(std::move(response));
}

void Reply::operator()(StreamReply stream) const {
  if (const auto target = target_.lock()) target->stream(std::move(stream));
}

void Server::State::take(int fd) {
  const std::string address = address_of(fd);
  std::size_t& here = per_address[address];
  const bool full = connections.size() >= options.max_clients || here >= options.max_clients_per_address;
  if (full) ++refused;
  if (connections.size() >= options.max_clients + kRefusedAtOnce) {
    ::close(fd);
    if (here == 0) per_address.erase(address);
    return;
  }
  ++here;
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  auto connection = make_connection(*this, fd, address, full);
  connections[connection.get()] = connection;
  connection->start();
}

void Server::State::forget(Connection* connection, const std::string& address) {
  if (connections.erase(connection) == 0) return;
  const auto found = per_address.find(address);
  if (found != per_address.end() && --found->second == 0) per_address.erase(found);
}

void Server::State::close_all() {
  stopping = true;
  const auto all = connections;
  for (const auto& [key, connection] : all) connection->close();
  loop.stop();
}

void Server::State::accept_from(asio::posix::stream_descriptor& listener) {
  listener.async_wait(asio::posix::stream_descriptor::wait_read,
                      loop.in_turn([this, &listener](boost::system::error_code error) {
                        if (error || stopping) return;
                        for (int taken = 0; taken < 64; ++taken) {
                          const int fd = ::accept4(listener.native_handle(), nullptr, nullptr,
                                                   SOCK_CLOEXEC | SOCK_NONBLOCK);
                          if (fd >= 0) {
                            take(fd);
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

Server::Server(ServerOptions options, Handler handler)
    : state_(std::make_unique<State>(std::move(options), std::move(handler))) {
  every(kCheckEvery, [this] {
    const std::int64_t now = monotonic_ns();
    const auto all = state_->connections;  // checking may close, and so erase
    for (const auto& [key, connection] : all) connection->check_progress(now);
  });
}

Server::~Server() {
  state_->hashing.join();
  for (const ListeningSocket& socket : state_->sockets) {
    if (!socket.unlink_path.empty()) ::unlink(socket.unlink_path.c_str());
  }
}

void Server::add_listener(ListeningSocket socket) {
  // The descriptor belongs to Asio from here on; `sockets` keeps what there is to know about it.
  auto listener =
      std::make_unique<asio::posix::stream_descriptor>(state_->loop.context(), socket.fd.release());
  state_->accept_from(*listener);
  state_->listeners.push_back(std::move(listener));
  state_->sockets.push_back(std::move(socket));
}

void Server::use_tls(const std::string& certificate_file, const std::string& key_file) {
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  try {
    context->set_options(asio::ssl::context::default_workarounds | asio::ssl::context::no_tlsv1 |
                         asio::ssl::context::no_tlsv1_1 | asio::ssl::context::no_compression);
    context->use_certificate_chain_file(certificate_file);
    context->use_private_key_file(key_file, asio::ssl::context::pem);
  } catch (const boost::system::system_error& error) {
    throw Error(ExitCode::config, "use certificate", certificate_file + " and " + key_file,
                error.code().message(), "both must be PEM files, and belong to each other");
  }
  state_->tls = std::move(context);
}

void Server::use_passwords(std::shared_ptr<PasswordFile> passwords) {
  state_->passwords = std::move(passwords);
}

void Server::run(int stop_fd) {
  make_room_for(state_->options.max_clients);
  asio::posix::stream_descriptor stop(state_->loop.context(), ::dup(stop_fd));
  stop.async_wait(asio::posix::stream_descriptor::wait_read,
                  state_->loop.in_turn([this](boost::system::error_code) {
                    if (!state_->farewell) return state_->close_all();
                    after(state_->farewell(), [this] { state_->close_all(); });
                  }));
  state_->loop.run();
  state_->listeners.clear();
  state_->connections.clear();
}

void Server::before_stop(std::function<std::chrono::nanoseconds()> farewell) {
  state_->farewell = std::move(farewell);
}

void Server::post(std::function<void()> task) { state_->loop.post(std::move(task)); }
void Server::enter(std::function<void()> task) { state_->loop.enter(std::move(task)); }

void Server::after(std::chrono::nanoseconds delay, std::function<void()> task) {
  state_->loop.after(delay, std::move(task));
}

void Server::at_next(std::chrono::nanoseconds interval, std::function<void()> task) {
  state_->loop.at_next(interval, std::move(task));
}

void Server::every(std::chrono::nanoseconds interval, std::function<void()> task) {
  state_->loop.every(interval, std::move(task));
}

std::size_t Server::clients() const noexcept { return state_->connections.size(); }
std::uint64_t Server::refused() const noexcept { return state_->refused; }
std::uint64_t Server::kicked() const noexcept { return state_->kicked; }
const std::vector<ListeningSocket>& Server::listeners() const noexcept { return state_->sockets; }

void listen_everywhere(Server& server, std::vector<std::string> places, const std::string& otherwise,
                       bool tls, const std::string& open_advice) {
  bool open_to_others = false;
  const auto add = [&](ListeningSocket socket) {
    open_to_others = open_to_others || !socket.loopback;
    server.add_listener(std::move(socket));
  };
  auto passed = app::take_passed_sockets();
  for (auto& socket : passed) add(adopt_listener(std::move(socket.fd), tls));
  if (places.empty() && passed.empty()) places = {otherwise};
  for (const std::string& place : places) add(listen_at(parse_listen(place), tls));
  if (open_to_others && !open_advice.empty()) {
    app::log_warning(
        "listening to other machines without asking who they are: anybody who can connect sees the "
        "pictures; " +
        open_advice);
  }
}

}  // namespace camring::net
