// What the command line says.
#pragma once

#include <chrono>
#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "net/server.h"

namespace camring::mjpegserve {

struct Options {
  std::vector<std::string> rings;
  std::vector<std::string> listen;
  std::string auth_file, tls_cert, tls_key;
  std::chrono::nanoseconds stale_after = std::chrono::seconds(2);
  net::ServerOptions server;
};

void declare_options(CLI::App& cli, Options& options);
/// @throws Error (usage)
void check_options(Options& options);

}  // namespace camring::mjpegserve
