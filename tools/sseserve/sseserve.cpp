#include "sseserve.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "app/log.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/server.h"
#include "routes.h"

namespace camring::sseserve {
namespace {

constexpr std::chrono::nanoseconds kLongestTick = std::chrono::seconds(1);
constexpr std::chrono::nanoseconds kFarewell = std::chrono::milliseconds(150);  // for "bye" to go out

// A ring that is there and can't be served is said at once; one that is not there yet is waited for.
void refuse_unfit_ring(const std::string& name) {
  const RingReader reader(name);
  if (!reader.attached() || reader.format().compressed()) return;
  throw Error(ExitCode::data, "serve ring", name,
              "it holds " + describe(reader.format()) + ", which browsers don't play",
              "make one that can be served: shmpub " + name + " --out " + name + ".h264:h264");
}

void print_urls(const net::Server& server, const Options& options) {
  for (const net::ListeningSocket& socket : server.listeners()) {
    app::log_info("serving " + socket.url + "/");
    if (!socket.url.starts_with("http")) continue;
    for (const CameraSpec& camera : options.cameras) {
      for (const Channel channel : {Channel::raw, Channel::annotated}) {
        if (camera.channels[static_cast<std::size_t>(channel)].empty()) continue;
        app::log_info("  " + socket.url + "/streams/sse/" + camera.name + "/" + to_string(channel));
      }
    }
  }
}

std::string status_text(const std::vector<std::unique_ptr<Camera>>& cameras) {
  std::string text;
  std::size_t streams = 0;
  for (const auto& camera : cameras) {
    streams += camera->sessions().size();
    for (const Channel channel : {Channel::raw, Channel::annotated}) {
      for (const auto& track : camera->tracks(channel)) {
        const TrackState state = track->state();
        std::array<char, 32> fps{};
        std::snprintf(fps.data(), fps.size(), "%.1f fps", state.fps);
        text += ", " + track->ring() + " " + (state.ready ? fps.data() : state.reason);
      }
    }
  }
  return std::to_string(streams) + (streams == 1 ? " stream" : " streams") + text;
}

}  // namespace

const app::ToolInfo& Sseserve::info() const {
  static constexpr app::ToolInfo kInfo{
      "sseserve", "serves live video as fragmented MP4 over server-sent events",
      "  sseserve --camera cam0,raw=cam0.high\n"
      "  sseserve --camera cam0,raw=cam0.high,annotated=cam0.ai.high --listen 0.0.0.0:8081 --auth jwt "
      "--jwt-key keys.json\n"
      "  shmpub cam0 --out cam0.high:h264,1280x720,2M    (makes such a ring)\n"};
  return kInfo;
}

ExitCode Sseserve::run(app::Context& context) {
  for (const CameraSpec& camera : options_.cameras) {
    for (const auto& channel : camera.channels) {
      for (const QualitySpec& quality : channel) refuse_unfit_ring(quality.ring);
    }
  }
  Gate gate(options_);
  Routes* routes = nullptr;
  net::Server server(options_.server, [&routes](const net::Request& request, const net::Reply& reply) {
    routes->serve(request, reply);
  });
  if (!options_.tls_cert.empty()) server.use_tls(options_.tls_cert, options_.tls_key);
  net::listen_everywhere(server, options_.listen, "127.0.0.1:8081", !options_.tls_cert.empty(),
                         options_.auth == "none" ? "--auth jwt --jwt-key FILE asks for a token" : "");

  std::vector<std::unique_ptr<Camera>> cameras;
  for (const CameraSpec& spec : options_.cameras)
    cameras.push_back(std::make_unique<Camera>(spec, options_, server, context.metrics));
  Routes all(cameras, options_, gate, server, context.metrics);
  routes = &all;
  print_urls(server, options_);
  context.notify.ready();

  const std::function<void()> tick = [&] {
    const std::int64_t now = monotonic_ns();
    auto next = kLongestTick;
    for (const auto& camera : cameras) next = std::min(next, camera->tick(now));
    server.at_next(next, tick);
  };
  tick();
  server.before_stop([&] {
    all.close();
    for (const auto& camera : cameras) camera->end_all("server stops");
    return kFarewell;
  });
  unsigned reloads = context.stop.reloads();
  server.every(std::chrono::seconds(1), [&] {
    // That its threads go round is what this tool can promise of itself; cameras may come and go.
    if (std::all_of(cameras.begin(), cameras.end(), [](const auto& camera) { return camera->alive(); }))
      context.notify.alive();
    context.notify.status(status_text(cameras));
    if (reloads == context.stop.reloads()) return;
    reloads = context.stop.reloads();
    context.notify.reloading();
    try {
      gate.reload();
      if (!options_.tls_cert.empty()) server.use_tls(options_.tls_cert, options_.tls_key);
      app::log_info("keys and certificate read again");
    } catch (const Error& error) {
      app::log_error(std::string(error.what()) + "; what was in force stays so");
    }
    context.notify.ready_again();
  });
  server.run(context.stop.fd());
  for (const auto& camera : cameras) camera->stop();  // all at once: each may be asleep for a moment
  return ExitCode::ok;
}

}  // namespace camring::sseserve
