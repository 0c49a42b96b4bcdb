#include "rtspserve.h"

#include <algorithm>
#include <fstream>

#include "app/log.h"
#include "base/error.h"
#include "net/listen.h"
#include "publisher.h"
#include "ring/ring_reader.h"
#include "status_server.h"

namespace camring::rtspserve {
namespace {

// A ring that is there and can't be served is said at once; one that is not there yet is waited for.
void refuse_unfit_ring(const std::string& name) {
  const RingReader reader(name);
  if (!reader.attached() || reader.format().compressed()) return;
  throw Error(ExitCode::data, "serve ring", name,
              "it holds " + describe(reader.format()) + ", not video that RTP carries",
              "make one that can be served: shmpub " + name + " --out " + name +
                  ".h264:h264; then rtspserve " + name + ".h264");
}

// Listens where it was told, and returns the URLs.
std::vector<std::string> listen(Server& server, const Options& options) {
  std::vector<std::string> urls;
  bool open_to_others = false;
  const auto add = [&](net::ListeningSocket socket, bool tls) {
    open_to_others = open_to_others || !socket.loopback;
    urls.push_back(socket.url);
    server.add_listener(std::move(socket), tls);
  };
  auto passed = app::take_passed_sockets();
  for (auto& socket : passed) {
    const bool tls = socket.name == "rtsps";
    if (tls && options.tls_cert.empty()) {
      throw Error(ExitCode::usage, "use passed socket", socket.name, "RTSPS needs a certificate",
                  "give --tls-cert and --tls-key");
    }
    add(net::adopt_listener(std::move(socket.fd), tls, "rtsp"), tls);
  }
  std::vector<std::string> plain = options.listen;
  std::vector<std::string> secure = options.listen_tls;
  if (plain.empty() && secure.empty() && passed.empty()) {
    plain = {"127.0.0.1:8554"};
    if (!options.tls_cert.empty()) secure = {"127.0.0.1:8322"};
  }
  for (const std::string& place : plain) add(net::listen_at(net::parse_listen(place), false, "rtsp"), false);
  for (const std::string& place : secure) add(net::listen_at(net::parse_listen(place), true, "rtsp"), true);
  if (open_to_others && options.auth.empty()) {
    app::log_warning(
        "listening to other machines without a password: anybody who can connect sees the pictures; "
        "--auth-file FILE asks for one");
  }
  return urls;
}

std::unique_ptr<Publisher> publish(const Options& options, app::Metrics& metrics) {
  if (options.publish.empty()) return nullptr;
  RelayUrl url = parse_relay_url(options.publish);
  if (!options.publish_password.empty()) {
    std::ifstream file(options.publish_password);
    if (!file || !std::getline(file, url.password)) {
      throw Error(ExitCode::no_input, "read password", options.publish_password,
                  "no such file, or nothing in it");
    }
  }
  return std::make_unique<Publisher>(options.mounts.front().second, std::move(url), options.server.mount.feed,
                                     options.server.mount.max_lag, metrics);
}

std::string status_text(const Server& server) {
  std::string text = std::to_string(server.clients()) + (server.clients() == 1 ? " client" : " clients");
  for (const auto& [name, mount] : server.mounts()) {
    const FeedState state = mount->feed().state();
    text += ", " + name + " " + (state.reason.empty() ? "live" : state.reason);
  }
  return text;
}

}  // namespace

const app::ToolInfo& Rtspserve::info() const {
  static constexpr app::ToolInfo kInfo{
      "rtspserve", "serves rings of video over RTSP",
      "  rtspserve cam0.high cam0.low\n"
      "  rtspserve --mount front=cam0.high --listen '*:8554' --auth-file /etc/camring/viewers\n"
      "  shmpub cam0 --out cam0.high:h264,1920x1080@30,4M    (makes such a ring)\n"};
  return kInfo;
}

ExitCode Rtspserve::run(app::Context& context) {
  for (const auto& [name, ring] : options_.mounts) refuse_unfit_ring(ring);
  Server server(options_.server, context.metrics);
  std::vector<std::shared_ptr<net::PasswordFile>> passwords;
  for (const auto& [mount, file] : options_.auth) {
    passwords.push_back(std::make_shared<net::PasswordFile>(file));
    server.use_passwords(mount, passwords.back());
  }
  if (!options_.tls_cert.empty()) server.use_tls(options_.tls_cert, options_.tls_key);
  const std::vector<std::string> urls = listen(server, options_);
  for (const auto& [name, ring] : options_.mounts) server.add_mount(name, ring);
  std::unique_ptr<Publisher> publisher = publish(options_, context.metrics);
  std::unique_ptr<StatusServer> status;
  if (!options_.http.empty())
    status = std::make_unique<StatusServer>(options_.http, server, publisher.get(), context.metrics);

  for (const std::string& url : urls) {
    for (const auto& [name, ring] : options_.mounts) app::log_info("serving " + url + "/" + name);
  }
  if (status) {
    for (const std::string& url : status->urls()) app::log_info("serving " + url + "/");
  }
  context.notify.ready();

  unsigned reloads = context.stop.reloads();
  server.every(std::chrono::seconds(1), [&] {
    const auto& mounts = server.mounts();
    if (std::all_of(mounts.begin(), mounts.end(),
                    [](const auto& one) { return one.second->feed().alive(); })) {
      context.notify.alive();
    }
    context.notify.status(status_text(server));
    if (reloads == context.stop.reloads()) return;
    reloads = context.stop.reloads();
    context.notify.reloading();
    try {
      for (const auto& file : passwords) file->reload();
      if (!options_.tls_cert.empty()) server.use_tls(options_.tls_cert, options_.tls_key);
      app::log_info("passwords and certificate read again");
    } catch (const Error& error) {
      app::log_error(std::string(error.what()) + "; what was in force stays so");
    }
    context.notify.ready_again();
  });
  server.run(context.stop.fd());
  return ExitCode::ok;
}

}  // namespace camring::rtspserve
