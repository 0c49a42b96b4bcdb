#include "net/listen.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <stdexcept>

#include "base/error.h"
#include "base/units.h"

namespace camring::net {
namespace {

constexpr int kBacklog = 512;
constexpr const char* kExample =
    "write [HOST:]PORT or unix:/path, e.g. 8080, 127.0.0.1:8080, [::1]:8080 or *:8080";

struct Address {
  sockaddr_storage storage{};
  socklen_t size = 0;
  [[nodiscard]] sockaddr* get() noexcept { return reinterpret_cast<sockaddr*>(&storage); }
};

Address resolve(const ListenAddress& listen) {
  Address address;
  auto* v4 = reinterpret_cast<sockaddr_in*>(&address.storage);
  auto* v6 = reinterpret_cast<sockaddr_in6*>(&address.storage);
  if (listen.host == "*" || ::inet_pton(AF_INET6, listen.host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(listen.port);
    address.size = sizeof *v6;
  } else if (::inet_pton(AF_INET, listen.host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(listen.port);
    address.size = sizeof *v4;
  } else {
    throw Error(ExitCode::usage, "listen", listen.host, "not an IP address", kExample);
  }
  return address;
}

std::string url_of(int fd, bool tls, bool& loopback, const std::string& protocol) {
  Address address;
  address.size = sizeof address.storage;
  ::getsockname(fd, address.get(), &address.size);
  const std::string scheme = protocol + (tls ? "s://" : "://");
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.storage.ss_family == AF_INET) {
    const auto* v4 = reinterpret_cast<const sockaddr_in*>(&address.storage);
    ::inet_ntop(AF_INET, &v4->sin_addr, text.data(), text.size());
    loopback = (ntohl(v4->sin_addr.s_addr) >> 24) == 127;
    return scheme + text.data() + ":" + std::to_string(ntohs(v4->sin_port));
  }
  if (address.storage.ss_family == AF_INET6) {
    const auto* v6 = reinterpret_cast<const sockaddr_in6*>(&address.storage);
    ::inet_ntop(AF_INET6, &v6->sin6_addr, text.data(), text.size());
    loopback = IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
    return scheme + "[" + text.data() + "]:" + std::to_string(ntohs(v6->sin6_port));
  }
  loopback = true;
  const auto* un = reinterpret_cast<const sockaddr_un*>(&address.storage);
  return std::string("unix:") + un->sun_path;
}

// A unix socket's file that nobody listens at any more may be replaced; one in use may not.
bool is_stale(const sockaddr_un& address) {
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

ListeningSocket listen_unix(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    throw Error(ExitCode::usage, "listen", path, "a socket's path has at most 107 bytes",
                "choose a shorter one");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  ListeningSocket socket;
  socket.fd.reset(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const auto* generic = reinterpret_cast<const sockaddr*>(&address);
  int result = ::bind(socket.fd.get(), generic, sizeof address);
  if (result != 0 && errno == EADDRINUSE && is_stale(address)) {
    ::unlink(path.c_str());
    result = ::bind(socket.fd.get(), generic, sizeof address);
  }
  if (result != 0 || ::listen(socket.fd.get(), kBacklog) != 0) {
    throw system_error(
        errno, "listen", "unix:" + path,
        errno == EADDRINUSE ? "another process listens there" : "is its directory there and writable?");
  }
  socket.url = "unix:" + path;
  socket.unlink_path = path;
  return socket;
}

}  // namespace

ListenAddress parse_listen(std::string_view text) {
  ListenAddress address;
  if (text.starts_with("unix:")) {
    address.path = text.substr(5);
    if (address.path.empty() || address.path.front() != '/') {
      throw std::invalid_argument("'" + std::string(text) + "' names no socket; " + kExample);
    }
    return address;
  }
  std::string_view port = text;
  if (const auto colon = text.rfind(':'); colon != std::string_view::npos) {
    std::string_view host = text.substr(0, colon);
    port = text.substr(colon + 1);
    if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
      host = host.substr(1, host.size() - 2);
    } else if (host.find(':') != std::string_view::npos) {
      throw std::invalid_argument("'" + std::string(text) + "': IPv6 addresses go into brackets; " +
                                  kExample);
    }
    address.host = host == "localhost" ? "127.0.0.1" : std::string(host);
    if (address.host.empty()) address.host = "*";
  }
  try {
    address.port = static_cast<std::uint16_t>(parse_int(port, 0, 65535));
  } catch (const std::invalid_argument&) {
    throw std::invalid_argument("'" + std::string(text) + "' is no place to listen at; " + kExample);
  }
  return address;
}

ListeningSocket listen_at(const ListenAddress& listen, bool tls, const std::string& protocol) {
  if (!listen.path.empty()) return listen_unix(listen.path);
  Address address = resolve(listen);
  ListeningSocket socket;
  socket.fd.reset(::socket(address.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int one = 1;
  const int zero = 0;
  ::setsockopt(socket.fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  if (listen.host == "*") ::setsockopt(socket.fd.get(), IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
  if (::bind(socket.fd.get(), address.get(), address.size) != 0 || ::listen(socket.fd.get(), kBacklog) != 0) {
    const int error = errno;
    const std::string where = listen.host + ":" + std::to_string(listen.port);
    throw system_error(error, "listen", where,
                       error == EADDRINUSE
                           ? "stop what listens there ('ss -ltnp'), or choose another --listen; "
                             "--listen 0 picks a free port"
                           : "choose another --listen");
  }
  socket.url = url_of(socket.fd.get(), tls, socket.loopback, protocol);
  return socket;
}

ListeningSocket adopt_listener(UniqueFd fd, bool tls, const std::string& protocol) {
  int listening = 0;
  socklen_t size = sizeof listening;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ACCEPTCONN, &listening, &size) != 0 || listening == 0) {
    throw Error(ExitCode::usage, "use passed socket", std::to_string(fd.get()),
                "it is no listening stream socket", "set ListenStream= in the socket unit");
  }
  ::fcntl(fd.get(), F_SETFL, ::fcntl(fd.get(), F_GETFL) | O_NONBLOCK);
  ListeningSocket socket;
  socket.url = url_of(fd.get(), tls, socket.loopback, protocol);
  socket.fd = std::move(fd);
  return socket;
}

}  // namespace camring::net
