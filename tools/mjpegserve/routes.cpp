#include "routes.h"

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "base/clock.h"
#include "page.h"

namespace camring::mjpegserve {
namespace {

using namespace std::chrono_literals;

constexpr auto kSnapshotPatience = 5s;
constexpr auto kNewestPatience = 20ms;

std::string timestamp(std::int64_t wall_ns) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%lld.%06lld", static_cast<long long>(wall_ns / 1'000'000'000),
                static_cast<long long>(wall_ns % 1'000'000'000 / 1000));
  return text.data();
}

net::Response picture(const Snapshot& snapshot) {
  net::Response response;
  response.content_type = "image/jpeg";
  response.headers = {{"X-Timestamp", timestamp(snapshot.capture_ns + snapshot.wall_offset_ns)}};
  response.shared_body = snapshot.jpeg;
  return response;
}

// Blink shows a part of a stream only when the whole header of the part after it has come: every picture one
// period late, and the last one before a pause not at all. It gets that header with the picture, at the price
// of what can't be known so early: length and time. Others get both. uStreamer's advance_headers=1 means the
// same.
bool wants_header_in_advance(const net::Request& request) {
  if (const auto asked = request.target.get("advance_headers")) return *asked == "1";
  const std::string_view accepts = request.header("accept");  // scripts that read a stream accept */* alone
  return request.header("user-agent").find("Chrome/") != std::string_view::npos && !accepts.empty() &&
         accepts != "*/*";
}

net::Response no_picture(const Feed& feed, const std::string& otherwise) {
  const FeedState state = feed.state();
  return net::problem(503, feed.name() + ": " + (state.ready ? otherwise : state.reason),
                      {{"Retry-After", "2"}});
}

}  // namespace

Routes::Routes(const std::vector<std::unique_ptr<Feed>>& feeds, net::Server& server, app::Metrics& metrics)
    : feeds_(feeds),
      server_(server),
      metrics_(metrics),
      connections_(metrics.gauge("connections", "Connections now, streams and others.")),
      refused_(metrics.counter("connections_refused_total", "Connections turned away for a limit.")),
      kicked_(metrics.counter("clients_kicked_total", "Streams closed for lack of progress.")) {}

Feed* Routes::find(const std::string& name) const {
  for (const auto& feed : feeds_) {
    if (feed->name() == name) return feed.get();
  }
  return nullptr;
}

void Routes::serve(const net::Request& request, const net::Reply& reply) {
  if (request.method != "GET" && request.method != "HEAD") {
    return reply(net::problem(405, "only GET and HEAD are served here", {{"Allow", "GET, HEAD, OPTIONS"}}));
  }
  std::string path = request.target.path;
  Feed* feed = feeds_.front().get();
  bool named = false;
  if (const auto slash = path.find('/', 1); slash != std::string::npos) {
    feed = find(path.substr(1, slash - 1));
    named = true;
    path = path.substr(slash);
    if (feed == nullptr) return reply(net::problem(404, "no such ring is served here; /state lists them"));
  }
  const std::string action = request.target.get("action").value_or("");  // as mjpg-streamer has it
  if (path == "/stream" || (path == "/" && action == "stream")) return stream(*feed, request, reply);
  if (path == "/snapshot" || path == "/snapshot.jpg" || (path == "/" && action == "snapshot")) {
    return snapshot(*feed, request, reply);
  }
  if (!action.empty()) return reply(net::problem(404, "the actions are stream and snapshot"));
  if (path == "/readyz") return reply(ready(named ? feed : nullptr));
  if (path == "/state") return reply(state());
  if (path == "/healthz") return reply(net::Response{200, "text/plain; charset=utf-8", {}, "ok\n", nullptr});
  if (path == "/metrics") return reply(metrics());
  if (path == "/") {
    net::Response response;
    response.content_type = "text/html; charset=utf-8";
    response.headers = {
        {"Content-Security-Policy",
         "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src 'self'"}};
    response.body = kPage;
    return reply(std::move(response));
  }
  reply(net::problem(
      404, "nothing is here; there are /, /stream, /snapshot, /state, /healthz, /readyz and /metrics"));
}

void Routes::stream(Feed& feed, const net::Request& request, const net::Reply& reply) {
  net::StreamReply stream;
  if (const auto fps = request.target.get("fps")) {
    try {
      stream.min_interval = parse_rate(*fps).period();
    } catch (const std::invalid_argument& error) {
      return reply(net::problem(400, std::string("fps: ") + error.what()));
    }
  }
  stream.content_type = std::string("multipart/x-mixed-replace; boundary=") + kBoundary;
  stream.channel = feed.channel();
  stream.first_max_age = feed.patience();
  if (wants_header_in_advance(request)) {
    const std::string header = std::string("--") + kBoundary + "\r\nContent-Type: image/jpeg\r\n\r\n";
    stream.framing = net::Framing{header, "\r\n" + header};
  }
  if (request.method != "HEAD") stream.events = feed.stream_events();
  reply(std::move(stream));
}

void Routes::snapshot(Feed& feed, const net::Request& request, const net::Reply& reply) {
  const auto after = request.target.get("after");
  if (after && *after != "now") return reply(net::problem(400, "after: the only value is now"));
  const bool awake = feed.wanted();
  feed.want();
  const std::int64_t now = monotonic_ns();
  const FeedState state = feed.state();
  const bool fresh =
      feed.newest() && state.ready && now - feed.newest()->published_ns < feed.patience().count();
  if (!after && fresh && awake) return reply(picture(*feed.newest()));
  if (!after && fresh) {
    // While nobody wanted pictures the ring may have gone on: what it has now comes at once.
    return feed.when_newer(feed.newest()->capture_ns, kNewestPatience,
                           [&feed, reply](const std::optional<Snapshot>& snapshot) {
                             reply(picture(snapshot ? *snapshot : *feed.newest()));
                           });
  }
  if (!after && !state.ready && (state.frames > 0 || !state.coming)) return reply(no_picture(feed, ""));
  // Nothing at hand: the first frame may be on its way, from an encoder that was asleep as well.
  feed.when_newer(after ? now : 0, kSnapshotPatience,
                  [&feed, reply](const std::optional<Snapshot>& snapshot) {
                    if (snapshot) return reply(picture(*snapshot));
                    reply(no_picture(feed, "no picture came in time"));
                  });
}

net::Response Routes::ready(const Feed* only) const {
  std::string reasons;
  for (const auto& feed : feeds_) {
    if (only != nullptr && feed.get() != only) continue;
    const FeedState state = feed->state();
    if (!state.ready) reasons += (reasons.empty() ? "" : "; ") + feed->name() + ": " + state.reason;
  }
  if (reasons.empty()) return {200, "text/plain; charset=utf-8", {}, "ready\n", nullptr};
  return net::problem(503, reasons, {{"Retry-After", "2"}});
}

net::Response Routes::state() const {
  nlohmann::ordered_json rings = nlohmann::ordered_json::array();
  const std::int64_t now = monotonic_ns();
  for (const auto& feed : feeds_) {
    const FeedState state = feed->state();
    nlohmann::ordered_json ring{{"name", feed->name()},
                                {"ready", state.ready},
                                {"reason", state.reason},
                                {"writer", std::string(to_string(state.writer))},
                                {"width", state.size.width},
                                {"height", state.size.height},
                                {"fps", state.ready ? state.fps : 0},
                                {"frames", state.frames},
                                {"missed", state.missed},
                                {"clients", feed->channel()->subscribers()}};
    ring["age_ms"] = nullptr;
    if (state.capture_ns) ring["age_ms"] = static_cast<double>(now - *state.capture_ns) * 1e-6;
    rings.push_back(std::move(ring));
  }
  const nlohmann::ordered_json json{{"tool", "mjpegserve"},         {"version", CAMRING_VERSION},
                                    {"clients", server_.clients()}, {"refused", server_.refused()},
                                    {"kicked", server_.kicked()},   {"rings", std::move(rings)}};
  return net::json_response(json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace) + "\n");
}

net::Response Routes::metrics() const {
  connections_.set(static_cast<double>(server_.clients()));
  refused_.add(server_.refused() - refused_.value());
  kicked_.add(server_.kicked() - kicked_.value());
  return net::metrics_response(metrics_.render());
}

}  // namespace camring::mjpegserve
