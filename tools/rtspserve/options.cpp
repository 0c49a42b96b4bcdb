#include "options.h"

#include <algorithm>
#include <set>
#include <stdexcept>

#include "app/options.h"
#include "base/error.h"
#include "net/listen.h"
#include "publisher.h"
#include "ring/ring_name.h"

namespace camring::rtspserve {
namespace {

void check_place(const std::string& option, const std::string& address) {
  try {
    (void)net::parse_listen(address);
  } catch (const std::invalid_argument& error) {
    throw Error(ExitCode::usage, "read options", option, error.what());
  }
}

}  // namespace

void declare_options(CLI::App& cli, Options& options) {
  ServerOptions& server = options.server;
  cli.add_option("ring,--ring", options.rings,
                 "Rings of H.264, HEVC or JPEG frames to serve, each under its name")
      ->type_name("RING");
  const auto several = [&](const std::string& name, std::vector<std::string>& target, const std::string& help,
                           const std::string& type) {
    cli.add_option(name, target, help)->type_name(type)->allow_extra_args(false);  // once for each
  };
  several("--mount", options.mount_texts, "Serve a ring under another name", "NAME=RING");
  several("-l,--listen", options.listen, "Where to listen: [HOST:]PORT; 0 picks a free port [127.0.0.1:8554]",
          "ADDRESS");
  several("--listen-tls", options.listen_tls, "Where to listen for RTSPS [127.0.0.1:8322 with a certificate]",
          "ADDRESS");
  several("--http", options.http, "Serve /state, /healthz, /readyz and /metrics over HTTP there", "ADDRESS");
  cli.add_option(
         "--start", options.start,
         "What a client gets first: the newest keyframe (cached), one that is asked for (request), or "
         "the next that comes (live)")
      ->check(CLI::IsMember({"cached", "request", "live"}))
      ->capture_default_str();
  app::add_duration(
      cli, "--max-lag", server.mount.max_lag,
      "A frame that has waited longer for a slow client is not sent; it goes on with a keyframe");
  app::add_duration(cli, "--kick-after", server.kick_after,
                    "Close a client that has taken nothing for so long");
  app::add_duration(cli, "--session-timeout", server.session_timeout,
                    "End a UDP session that gave no sign of life for so long");
  app::add_duration(cli, "--idle-timeout", server.idle_timeout,
                    "Close a client that sets nothing up for so long");
  app::add_duration(cli, "--stale-after", options.stale_after,
                    "Say that the camera is gone when no frame came for so long");
  app::add_int(cli, "--max-clients", server.max_clients, 1, 100000, "Connections at the same time")
      ->default_str(std::to_string(server.max_clients));
  app::add_int(cli, "--max-clients-per-address", server.max_clients_per_address, 1, 100000,
               "Connections from one address")
      ->default_str(std::to_string(server.max_clients_per_address));
  app::add_int(cli, "--mtu", options.mtu, 256, 1460, "Bytes of an RTP packet at most")
      ->default_str(std::to_string(options.mtu));
  cli.add_flag("--no-udp", options.no_udp, "TCP only");
  cli.add_option("--multicast", server.multicast,
                 "Offer multicast; the first ring's group, those after it have the next")
      ->type_name("GROUP");
  app::add_int(cli, "--multicast-port", server.multicast_port, 1024, 65534,
               "Even port of the first multicast stream")
      ->default_str(std::to_string(server.multicast_port));
  app::add_int(cli, "--ttl", server.ttl, 0, 255, "How many routers multicast passes")
      ->default_str(std::to_string(server.ttl));
  several("--auth-file", options.auth_texts,
          "Ask for a name and password out of this file (name:password lines); NAME=FILE: for one mount",
          "[NAME=]FILE");
  cli.add_option("--publish", options.publish,
                 "Push the first ring to a relay: rtsp://[user@]host[:port]/path")
      ->type_name("URL");
  cli.add_option("--publish-password", options.publish_password,
                 "File with the password of the URL's user at the relay")
      ->type_name("FILE");
  cli.add_option("--tls-cert", options.tls_cert, "Serve RTSPS with this certificate chain (PEM)")
      ->type_name("FILE");
  cli.add_option("--tls-key", options.tls_key, "The certificate's private key (PEM)")->type_name("FILE");
}

void check_options(Options& options) {
  const auto usage = [](const std::string& object, const std::string& reason,
                        const std::string& advice = {}) {
    return Error(ExitCode::usage, "read options", object, reason, advice);
  };
  for (const std::string& ring : options.rings) {
    check_ring_name(ring);
    options.mounts.emplace_back(ring, ring);
  }
  for (const std::string& text : options.mount_texts) {
    const std::size_t equals = text.find('=');
    if (equals == std::string::npos)
      throw usage("--mount", "'" + text + "' has no =", "e.g. --mount front=cam0.high");
    check_ring_name(text.substr(0, equals));
    check_ring_name(text.substr(equals + 1));
    options.mounts.emplace_back(text.substr(0, equals), text.substr(equals + 1));
  }
  if (options.mounts.empty()) {
    throw usage("", "no ring named", "e.g. 'rtspserve cam0.high'; 'shmstat' lists rings");
  }
  std::set<std::string> names;
  for (const auto& [name, ring] : options.mounts) {
    if (!names.insert(name).second) throw usage(name, "named twice");
  }
  for (const std::string& text : options.auth_texts) {
    const std::size_t equals = text.find('=');
    const std::string name = equals == std::string::npos ? "" : text.substr(0, equals);
    if (name.empty() || !names.contains(name)) {  // a file's name may have a = too
      if (equals != std::string::npos && text.find('/') > equals) {
        throw usage("--auth-file", "there is no mount '" + name + "'",
                    "name one of those served, or give the file alone");
      }
      options.auth.emplace_back("", text);
    } else {
      options.auth.emplace_back(name, text.substr(equals + 1));
    }
  }
  for (const std::string& place : options.listen) check_place("--listen", place);
  for (const std::string& place : options.listen_tls) check_place("--listen-tls", place);
  for (const std::string& place : options.http) check_place("--http", place);
  if (options.tls_cert.empty() != options.tls_key.empty()) {
    throw usage("--tls-cert", "a certificate needs its key and the reverse",
                "give both --tls-cert and --tls-key");
  }
  if (!options.listen_tls.empty() && options.tls_cert.empty()) {
    throw usage("--listen-tls", "RTSPS needs a certificate", "give --tls-cert and --tls-key");
  }
  if (options.server.multicast_port % 2 != 0) throw usage("--multicast-port", "RTP has even ports");
  if (!options.server.multicast.empty()) {
    const int first = std::atoi(options.server.multicast.c_str());
    if (first < 224 || first > 239) {
      throw usage("--multicast", "'" + options.server.multicast + "' is no multicast address",
                  "e.g. --multicast 239.255.42.1");
    }
  }
  if (!options.publish.empty()) {
    try {
      const RelayUrl relay = parse_relay_url(options.publish);
      if (!relay.password.empty()) {
        throw usage("--publish", "a password on the command line is for everybody to read",
                    "put it into a file and name that with --publish-password");
      }
      if (!options.publish_password.empty() && relay.user.empty()) {
        throw usage("--publish", "a password needs a name", "e.g. rtsp://camera@relay:8554/cam0");
      }
    } catch (const std::invalid_argument& error) {
      throw usage("--publish", error.what());
    }
  } else if (!options.publish_password.empty()) {
    throw usage("--publish-password", "there is no --publish");
  }
  options.server.udp = !options.no_udp;
  options.server.mount.start = options.start == "live"      ? Start::live
                               : options.start == "request" ? Start::request
                                                            : Start::cached;
  options.server.mount.feed = {options.mtu, options.stale_after};
}

}  // namespace camring::rtspserve
