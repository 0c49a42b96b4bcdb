// What the command line says.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <utility>
#include <vector>

#include "server.h"

namespace camring::rtspserve {

struct Options {
  std::vector<std::string> rings, mount_texts, listen, listen_tls, http, auth_texts;
  std::vector<std::pair<std::string, std::string>> mounts;  ///< name, ring
  std::vector<std::pair<std::string, std::string>> auth;    ///< mount or "", file
  std::string tls_cert, tls_key, start = "cached", publish, publish_password;
  std::chrono::nanoseconds stale_after = std::chrono::seconds(2);
  std::uint32_t mtu = 1400;
  bool no_udp = false;
  ServerOptions server;
};

void declare_options(CLI::App& cli, Options& options);
/// @throws Error (usage)
void check_options(Options& options);

}  // namespace camring::rtspserve
