// Where a server listens: "[HOST:]PORT", "unix:/path", or a socket that the service manager passed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace camring::net {

/// One place to listen at, as the user wrote it.
struct ListenAddress {
  std::string host = "127.0.0.1";  ///< IPv4 or IPv6 address; "*" is every address
  std::uint16_t port = 0;          ///< 0: the system picks a free one
  std::string path;                ///< of a unix socket; then host and port mean nothing
};

/// "8080", "127.0.0.1:8080", "[::1]:8080", "*:8080", "unix:/run/x.sock".
/// @throws std::invalid_argument with a right example.
[[nodiscard]] ListenAddress parse_listen(std::string_view text);

/// A socket that listens, non-blocking, and how to reach it.
struct ListeningSocket {
  UniqueFd fd;
  std::string url;          ///< "http://127.0.0.1:8080" (or https), "unix:/run/x.sock"
  bool loopback = true;     ///< only this machine can connect
  std::string unlink_path;  ///< a unix socket's file, to remove at the end; empty for passed sockets
};

/// @throws Error: system (port in use: says so), no_permission, usage (no such address).
/// `protocol`: how the URL begins, with an "s" more under TLS.
[[nodiscard]] ListeningSocket listen_at(const ListenAddress& address, bool tls,
                                        const std::string& protocol = "http");
/// For a socket that is open already. @throws Error (usage) when it does not listen.
[[nodiscard]] ListeningSocket adopt_listener(UniqueFd fd, bool tls, const std::string& protocol = "http");

}  // namespace camring::net
