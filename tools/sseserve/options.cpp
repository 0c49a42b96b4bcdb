#include "options.h"

#include <algorithm>
#include <stdexcept>

#include "app/options.h"
#include "base/error.h"
#include "base/units.h"
#include "net/listen.h"
#include "ring/ring_name.h"

namespace camring::sseserve {
namespace {

constexpr std::chrono::nanoseconds kLongestFragment = std::chrono::seconds(10);
// Room for POSTs, statistics and the page beside the streams.
constexpr std::size_t kOtherConnections = 64;

Error usage(const std::string& object, const std::string& reason, const std::string& advice = {}) {
  return {ExitCode::usage, "read options", object, reason, advice};
}

void add_channel(CameraSpec& camera, std::string_view part) {
  const auto equals = part.find('=');
  if (equals == std::string_view::npos)
    throw std::invalid_argument("'" + std::string(part) +
                                "' is no channel; write e.g. cam0,raw=cam0.high,annotated=cam0.ai.high");
  std::string_view key = part.substr(0, equals);
  QualitySpec quality{"default", std::string(part.substr(equals + 1))};
  if (const auto dot = key.find('.'); dot != std::string_view::npos) {
    quality.name = std::string(key.substr(dot + 1));
    key = key.substr(0, dot);
  }
  const auto channel = channel_from(key);
  if (!channel) throw std::invalid_argument("'" + std::string(key) + "' is no channel: raw or annotated");
  if (!is_ring_name(quality.name))
    throw std::invalid_argument("'" + quality.name + "' is no name for a quality, e.g. raw.high=cam0.high");
  if (!is_ring_name(quality.ring)) throw std::invalid_argument("'" + quality.ring + "' is not a ring name");
  auto& list = camera.channels[static_cast<std::size_t>(*channel)];
  if (std::any_of(list.begin(), list.end(), [&](const auto& one) { return one.name == quality.name; }))
    throw std::invalid_argument("quality '" + quality.name + "' twice in one channel");
  list.push_back(std::move(quality));
}

}  // namespace

const char* to_string(Channel channel) noexcept { return channel == Channel::raw ? "raw" : "annotated"; }

const char* to_string(SyncMode mode) noexcept {
  return mode == SyncMode::hold ? "hold" : mode == SyncMode::best ? "best" : "none";
}

std::optional<Channel> channel_from(std::string_view name) noexcept {
  if (name == "raw") return Channel::raw;
  if (name == "annotated") return Channel::annotated;
  return std::nullopt;
}

CameraSpec parse_camera(std::string_view text) {
  CameraSpec camera;
  std::size_t at = text.find(',');
  camera.name = std::string(text.substr(0, at));
  if (!is_ring_name(camera.name))
    throw std::invalid_argument("'" + camera.name + "' is no camera's name ([A-Za-z0-9._-])");
  while (at != std::string_view::npos) {
    const std::size_t end = text.find(',', at + 1);
    add_channel(camera, text.substr(at + 1, end == std::string_view::npos ? end : end - at - 1));
    at = end;
  }
  if (camera.channels[0].empty() && camera.channels[1].empty())
    throw std::invalid_argument("camera '" + camera.name + "' has no channel, e.g. " + camera.name +
                                ",raw=" + camera.name + ".high");
  return camera;
}

void declare_options(CLI::App& cli, Options& options) {
  net::ServerOptions& server = options.server;
  cli.add_option("--camera", options.camera_texts,
                 "NAME,CHANNEL[.QUALITY]=RING,… with channels raw and annotated; once for each camera")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  cli.add_option("-l,--listen", options.listen,
                 "Where to listen: [HOST:]PORT or unix:/path; 0 picks a free port [127.0.0.1:8081]")
      ->type_name("ADDRESS")
      ->allow_extra_args(false);
  cli.add_option("--fragment", options.fragment, "What goes into one fragment: frame, or a time, e.g. 100ms")
      ->type_name("WHAT")
      ->capture_default_str();
  cli.add_option("--sync", options.sync, "Bring both channels to one moment: hold, best or none")
      ->type_name("MODE")
      ->capture_default_str();
  app::add_duration(cli, "--tolerance", options.tolerance, "By how much the channels may differ");
  app::add_int(cli, "--max-violations", options.max_violations, 1, 1000000,
               "Pairs in a row outside the tolerance until the channels are called out of step; hold "
               "becomes best where no hold would match them")
      ->default_str(std::to_string(options.max_violations));
  app::add_duration(cli, "--heartbeat", options.heartbeat,
                    "A comment goes out when nothing else has for so long");
  app::add_duration(
      cli, "--stale-after", options.stale_after,
      "A channel without frames for so long is stale: viewers of annotated pictures are moved to raw");
  app::add_int(cli, "--max-connections", options.max_connections, 1, 100000, "Streams at the same time")
      ->default_str(std::to_string(options.max_connections));
  app::add_int(cli, "--max-clients-per-address", server.max_clients_per_address, 1, 100000,
               "Connections from one address")
      ->default_str(std::to_string(server.max_clients_per_address));
  app::add_int(cli, "--max-per-user", options.max_per_user, 1, 100000, "Streams of one token's subject")
      ->default_str(std::to_string(options.max_per_user));
  app::add_duration(cli, "--max-lag", server.max_lag,
                    "A client that is further behind goes on at a keyframe");
  app::add_duration(cli, "--kick-after", server.kick_after,
                    "Close a stream that has taken nothing for so long");
  app::add_duration(cli, "--header-timeout", server.header_timeout,
                    "Close a client that takes longer over a request");
  app::add_duration(cli, "--idle-timeout", server.idle_timeout,
                    "Close a client that asks nothing for so long");
  cli.add_option("--auth", options.auth, "Who may watch: none (all), or jwt: bearers of a token")
      ->type_name("HOW")
      ->capture_default_str();
  cli.add_option(
         "--jwt-key", options.jwt_key,
         "What tokens are checked with: a public key (PEM), a secret, or a JWK Set; read again on SIGHUP")
      ->type_name("FILE");
  cli.add_option("--jwt-issuer", options.jwt_issuer, "What a token's \"iss\" must be")->type_name("TEXT");
  cli.add_option("--jwt-audience", options.jwt_audience, "What a token's \"aud\" must have")
      ->type_name("TEXT");
  cli.add_option("--tls-cert", options.tls_cert, "Serve HTTPS with this certificate chain (PEM)")
      ->type_name("FILE");
  cli.add_option("--tls-key", options.tls_key, "The certificate's private key (PEM)")->type_name("FILE");
  cli.add_option("--cors-origin", server.cors_origins, "Let pages of this origin read the answers; * for all")
      ->type_name("ORIGIN")
      ->allow_extra_args(false);
}

void check_options(Options& options) {
  if (options.camera_texts.empty())
    throw usage("--camera", "no camera named",
                "e.g. 'sseserve --camera cam0,raw=cam0.high'; 'shmstat' lists rings");
  for (const std::string& text : options.camera_texts) {
    try {
      options.cameras.push_back(parse_camera(text));
    } catch (const std::invalid_argument& error) {
      throw usage("--camera", error.what());
    }
    const std::string& name = options.cameras.back().name;
    if (std::count_if(options.cameras.begin(), options.cameras.end(),
                      [&](const CameraSpec& one) { return one.name == name; }) > 1)
      throw usage("--camera", "camera '" + name + "' is named twice");
  }
  for (const std::string& address : options.listen) {
    try {
      (void)net::parse_listen(address);
    } catch (const std::invalid_argument& error) {
      throw usage("--listen", error.what());
    }
  }
  if (options.fragment != "frame") {
    try {
      options.fragment_time = parse_duration(options.fragment);
    } catch (const std::invalid_argument& error) {
      throw usage("--fragment", std::string(error.what()) + ", nor is it 'frame'");
    }
    if (options.fragment_time <= std::chrono::nanoseconds(0) || options.fragment_time > kLongestFragment)
      throw usage("--fragment", "it can be up to 10s");
  }
  const std::pair<const char*, std::chrono::nanoseconds> times[] = {
      {"--heartbeat", options.heartbeat},
      {"--stale-after", options.stale_after},
      {"--max-lag", options.server.max_lag},
      {"--kick-after", options.server.kick_after},
      {"--header-timeout", options.server.header_timeout},
      {"--idle-timeout", options.server.idle_timeout}};
  for (const auto& [name, time] : times) {  // none of them would leave anything to serve
    if (time < std::chrono::milliseconds(1))
      throw usage(name, "it is 1ms at least", "the man page says its default");
  }
  if (options.sync != "hold" && options.sync != "best" && options.sync != "none")
    throw usage("--sync " + options.sync, "no such mode", "it is hold, best or none");
  options.sync_mode = options.sync == "hold"   ? SyncMode::hold
                      : options.sync == "best" ? SyncMode::best
                                               : SyncMode::none;
  if (options.auth != "none" && options.auth != "jwt")
    throw usage("--auth " + options.auth, "no such way", "it is none or jwt");
  if ((options.auth == "jwt") != !options.jwt_key.empty())
    throw usage("--auth", "tokens need a key and the reverse", "give both --auth jwt and --jwt-key FILE");
  if (options.tls_cert.empty() != options.tls_key.empty())
    throw usage("--tls-cert", "a certificate needs its key and the reverse",
                "give both --tls-cert and --tls-key");
  options.server.max_clients = options.max_connections + kOtherConnections;
  options.server.max_clients_per_address =
      std::min(options.server.max_clients_per_address, options.server.max_clients);
  options.server.methods = "GET, HEAD, POST";
}

}  // namespace camring::sseserve
