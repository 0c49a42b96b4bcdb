#include "options.h"

#include <algorithm>
#include <stdexcept>

#include "app/options.h"
#include "base/error.h"
#include "net/listen.h"
#include "ring/ring_name.h"

namespace camring::mjpegserve {

void declare_options(CLI::App& cli, Options& options) {
  net::ServerOptions& server = options.server;
  cli.add_option("ring,--ring", options.rings, "Rings of JPEG frames to serve")->type_name("RING");
  cli.add_option("-l,--listen", options.listen,
                 "Where to listen: [HOST:]PORT or unix:/path; 0 picks a free port [127.0.0.1:8080]")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);  // once for each: what follows may be a ring
  app::add_int(cli, "--max-clients", server.max_clients, 1, 100000, "Connections at the same time")
      ->default_str(std::to_string(server.max_clients));
  app::add_int(cli, "--max-clients-per-address", server.max_clients_per_address, 1, 100000,
               "Connections from one address")
      ->default_str(std::to_string(server.max_clients_per_address));
  app::add_duration(cli, "--max-lag", server.max_lag,
                    "A picture that has waited longer for a slow client is not sent");
  app::add_duration(cli, "--kick-after", server.kick_after,
                    "Close a stream that has taken nothing for so long");
  app::add_duration(cli, "--stale-after", options.stale_after,
                    "Say that the camera is gone when no picture came for so long");
  app::add_duration(cli, "--header-timeout", server.header_timeout,
                    "Close a client that takes longer over a request");
  app::add_duration(cli, "--idle-timeout", server.idle_timeout,
                    "Close a client that asks nothing for so long");
  cli.add_option("--auth-file", options.auth_file,
                 "Ask for a name and password out of this file (name:password lines)")
      ->type_name("FILE");
  cli.add_option("--tls-cert", options.tls_cert, "Serve HTTPS with this certificate chain (PEM)")
      ->type_name("FILE");
  cli.add_option("--tls-key", options.tls_key, "The certificate's private key (PEM)")->type_name("FILE");
  cli.add_option("--cors-origin", server.cors_origins, "Let pages of this origin read the answers; * for all")
      ->type_name("ORIGIN")
      ->allow_extra_args(false);
}

void check_options(Options& options) {
  if (options.rings.empty()) {
    throw Error(ExitCode::usage, "read options", "", "no ring named",
                "e.g. 'mjpegserve cam0.mjpeg'; 'shmstat' lists rings");
  }
  for (const std::string& ring : options.rings) {
    check_ring_name(ring);
    if (std::count(options.rings.begin(), options.rings.end(), ring) > 1) {
      throw Error(ExitCode::usage, "read options", ring, "named twice");
    }
  }
  for (const std::string& address : options.listen) {
    try {
      (void)net::parse_listen(address);
    } catch (const std::invalid_argument& error) {
      throw Error(ExitCode::usage, "read options", "--listen", error.what());
    }
  }
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    throw Error(ExitCode::usage, "read options", "--tls-cert", "a certificate needs its key and the reverse",
                "give both --tls-cert and --tls-key");
  }
}

}  // namespace camring::mjpegserve
