#include "mjpegserve.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "app/log.h"
#include "net/server.h"
#include "ring/ring_name.h"
#include "routes.h"

namespace camring::mjpegserve {
namespace {

// A ring that is there and can't be served is said at once; one that is not there yet is waited for.
void refuse_unfit_ring(const std::string& name) {
  const RingReader reader(name);
  if (!reader.attached() || reader.format().codec == Codec::mjpeg) return;
  throw Error(ExitCode::data, "serve ring", name, "it holds " + describe(reader.format()) + ", not JPEG",
              "make one that can be served: shmpub " + name + " --out " + name +
                  ".mjpeg:mjpeg; then mjpegserve " + name + ".mjpeg");
}

void print_urls(const net::Server& server, const Options& options) {
  for (const net::ListeningSocket& socket : server.listeners()) {
    app::log_info("serving " + socket.url + "/");
    if (!socket.url.starts_with("http")) continue;
    for (const std::string& ring : options.rings) app::log_info("  " + socket.url + "/" + ring + "/stream");
  }
}

std::string status_text(const std::vector<std::unique_ptr<Feed>>& feeds, std::size_t clients) {
  std::string text = std::to_string(clients) + (clients == 1 ? " client" : " clients");
  for (const auto& feed : feeds) {
    const FeedState state = feed->state();
    std::array<char, 32> fps{};
    std::snprintf(fps.data(), fps.size(), "%.1f fps", state.fps);
    text += ", " + feed->name() + " " + (state.ready ? fps.data() : state.reason);
  }
  return text;
}

}  // namespace

const app::ToolInfo& Mjpegserve::info() const {
  static constexpr app::ToolInfo kInfo{
      "mjpegserve", "serves rings of JPEG frames over HTTP",
      "  mjpegserve cam0.mjpeg\n"
      "  mjpegserve cam0.large cam0.small --listen 0.0.0.0:8080 --auth-file /etc/camring/viewers\n"
      "  shmpub cam0 --out cam0.mjpeg:mjpeg,1280x720@15,q80    (makes such a ring)\n"};
  return kInfo;
}

ExitCode Mjpegserve::run(app::Context& context) {
  for (const std::string& ring : options_.rings) refuse_unfit_ring(ring);

  Routes* routes = nullptr;
  net::Server server(options_.server, [&routes](const net::Request& request, const net::Reply& reply) {
    routes->serve(request, reply);
  });
  std::shared_ptr<net::PasswordFile> passwords;
  if (!options_.auth_file.empty()) {
    passwords = std::make_shared<net::PasswordFile>(options_.auth_file);
    server.use_passwords(passwords);
  }
  if (!options_.tls_cert.empty()) server.use_tls(options_.tls_cert, options_.tls_key);
  net::listen_everywhere(server, options_.listen, "127.0.0.1:8080", !options_.tls_cert.empty(),
                         options_.auth_file.empty() ? "--auth-file FILE asks for a password" : "");

  std::vector<std::unique_ptr<Feed>> feeds;
  for (const std::string& ring : options_.rings) {
    feeds.push_back(std::make_unique<Feed>(ring, FeedOptions{options_.stale_after}, server, context.metrics));
  }
  Routes all(feeds, server, context.metrics);
  routes = &all;
  print_urls(server, options_);
  context.notify.ready();

  unsigned reloads = context.stop.reloads();
  server.every(std::chrono::seconds(1), [&] {
    // That its threads go round is what this tool can promise of itself; cameras may come and go.
    if (std::all_of(feeds.begin(), feeds.end(), [](const auto& feed) { return feed->alive(); })) {
      context.notify.alive();
    }
    context.notify.status(status_text(feeds, server.clients()));
    if (reloads == context.stop.reloads()) return;
    reloads = context.stop.reloads();
    context.notify.reloading();
    try {
      if (passwords) passwords->reload();
      if (!options_.tls_cert.empty()) server.use_tls(options_.tls_cert, options_.tls_key);
      app::log_info("passwords and certificate read again");
    } catch (const Error& error) {
      app::log_error(std::string(error.what()) + "; what was in force stays so");
    }
    context.notify.ready_again();
  });
  server.run(context.stop.fd());
  for (const auto& feed : feeds) feed->stop();  // all at once: each may be asleep for a moment
  return ExitCode::ok;
}

}  // namespace camring::mjpegserve
