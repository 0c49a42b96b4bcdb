#include "routes.h"

#include <sys/random.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "answers.h"
#include "base/clock.h"
#include "openapi.h"
#include "page.h"

namespace camring::sseserve {
namespace {

using nlohmann::ordered_json;

constexpr std::int64_t kReservedNs = 30'000'000'000;
constexpr std::size_t kMaxReserved = 1000;

// 128 bits: nobody guesses another viewer's.
std::string new_id() {
  std::array<unsigned char, 16> bytes{};
  if (::getentropy(bytes.data(), bytes.size()) != 0) return {};
  std::string text;
  for (const unsigned char byte : bytes) {
    text += "0123456789abcdef"[byte >> 4];
    text += "0123456789abcdef"[byte & 15];
  }
  return text;
}

net::Response page() {
  net::Response response;
  response.content_type = "text/html; charset=utf-8";
  response.headers = {
      {"Content-Security-Policy",
       "default-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; media-src blob:; "
       "img-src 'self' blob: data:"}};
  response.body = kPage;
  return response;
}

}  // namespace

Routes::Routes(const std::vector<std::unique_ptr<Camera>>& cameras, const Options& options, Gate& gate,
               net::Server& server, app::Metrics& metrics)
    : cameras_(cameras),
      options_(options),
      gate_(gate),
      server_(server),
      metrics_(metrics),
      refused_(metrics.counter("connections_refused_total", "Connections turned away for a limit.")),
      kicked_(metrics.counter("clients_kicked_total", "Streams closed for lack of progress.")),
      bytes_(metrics.counter("bytes_sent_total", "Bytes of streams handed to the network.")),
      delivered_(
          metrics.counter("fragments_sent_total", "Fragments handed to the network, once for each viewer.")),
      connections_(metrics.gauge("connections", "Connections now, streams and others.")),
      age_(metrics.histogram("frame_age_seconds", "Age of a fragment, capture to delivery to the network.")) {
}

Camera* Routes::find(const std::string& name) const {
  for (const auto& camera : cameras_) {
    if (camera->name() == name) return camera.get();
  }
  return nullptr;
}

std::size_t Routes::streams() const {
  std::size_t sum = 0;
  for (const auto& camera : cameras_) sum += camera->viewers();
  return sum;
}

std::size_t Routes::streams_of(const net::Claims& bearer) const {
  std::size_t sum = 0;
  for (const auto& camera : cameras_) {
    for (const auto& session : camera->sessions())
      sum += session->order().claims && Gate::same_bearer(*session->order().claims, bearer);
  }
  return sum;
}

void Routes::serve(const net::Request& request, const net::Reply& reply) {
  try {
    if (request.method == "GET" || request.method == "HEAD") return get(request, reply);
    if (request.method == "POST") return reply(post(request));
    reply(net::problem(405, "only GET, HEAD and POST are served here",
                       {{"Allow", "GET, HEAD, POST, OPTIONS"}}));
  } catch (const std::invalid_argument& error) {  // what is asked for can't be so
    reply(net::problem(400, error.what()));
  }
}

void Routes::get(const net::Request& request, const net::Reply& reply) {
  const std::string& path = request.target.path;
  if (path == "/healthz") return reply(net::Response{200, "text/plain; charset=utf-8", {}, "ok\n", nullptr});
  if (path == "/readyz") return reply(ready());
  if (path == "/metrics") return reply(metrics());
  if (path == "/") return reply(page());
  if (path == "/openapi.json") return reply(net::json_response(kOpenApi));
  if (path == "/streams/sse/health") return reply(health());
  const auto general = [&](net::Response (Routes::*answer)(const Bearer&) const) {
    auto verdict = gate_.admit(request, {}, {});
    if (verdict.refusal) return reply(std::move(*verdict.refusal));
    reply((this->*answer)(verdict.claims));
  };
  if (path == "/state") return general(&Routes::state);
  if (path == "/streams/sse/stats") return general(&Routes::stats);
  if (path == "/streams/dual-channel/stats") return general(&Routes::dual_stats);

  const auto place = read_place(path);
  if (!place) return reply(net::problem(404, "nothing is here; /openapi.json says what there is"));
  Camera* const camera = find(place->camera);
  if (camera == nullptr) return reply(net::problem(404, "no such camera is served here; /state lists them"));
  const std::string& what = place->what;
  if (!place->plain && what == "sync-stats") {
    if (auto verdict = gate_.admit(request, camera->name(), {}); verdict.refusal)
      return reply(std::move(*verdict.refusal));
    return reply(sync_stats(*camera));
  }
  if (!channel_from(what) && (place->plain || what != "dual"))
    return reply(net::problem(404, place->plain
                                       ? "a channel is raw or annotated"
                                       : "of a camera there are raw, annotated, dual and sync-stats"));
  open_stream(*camera, *place, request, reply);
}

void Routes::open_stream(Camera& camera, const Place& place, const net::Request& request,
                         const net::Reply& reply) {
  const StreamWish wish = read_stream_wish(place, request.target);
  SessionOrder order;
  order.camera = camera.name();
  order.dual = place.what == "dual";
  order.plain = place.plain;
  order.format = wish.format;
  order.codecs = wish.codecs;
  order.qualities = wish.qualities;
  order.max_lag = options_.server.max_lag;
  order.id = wish.connection_id;
  Channel channel = wish.channel.value_or(Channel::raw);
  std::string quality = wish.quality_of(channel);
  const auto reserved = reserved_.find(order.id);
  if (!order.id.empty()) {
    // Before anything is said of the id.
    if (auto first = gate_.admit(request, camera.name(), {}); first.refusal)
      return reply(std::move(*first.refusal));
    if (camera.session(order.id))
      return reply(net::problem(409, "this connection_id has its stream already"));
    if (reserved == reserved_.end() || reserved->second.camera != camera.name() ||
        reserved->second.until_ns < monotonic_ns())
      return reply(
          net::problem(404, "no such connection_id is reserved; POST …/subscribe makes one for 30 s"));
    channel = wish.channel.value_or(reserved->second.channel);
    quality = wish.quality_of(channel);
    if (quality.empty() && channel == reserved->second.channel) quality = reserved->second.quality;
  }
  auto verdict = gate_.admit(request, camera.name(), to_string(channel));
  if (verdict.refusal) return reply(std::move(*verdict.refusal));
  order.claims = std::move(verdict.claims);
  if (order.claims && !order.id.empty() && !Gate::same_bearer(*order.claims, *reserved->second.bearer))
    return reply(net::problem(403, "this connection_id is somebody else's"));

  Track* const track = camera.find(channel, quality, order.format);
  const auto unknown = [&](Channel one) {
    const std::string& name = order.qualities[static_cast<std::size_t>(one)];
    return order.dual && !name.empty() && camera.find(one, name, order.format) == nullptr;
  };
  if (track == nullptr || unknown(Channel::raw) || unknown(Channel::annotated))
    return reply(net::problem(404, "no such channel or quality of this camera; /state lists them"));
  const TrackState state = track->state();
  if (const auto why = unfit(state.format.codec, order)) return reply(net::problem(406, *why));
  if (closing_ || streams() >= options_.max_connections) {
    refused_.add();
    return reply(net::problem(503,
                              closing_ ? "the server is ending" : "as many streams as are allowed are open",
                              {{"Retry-After", "5"}}));
  }
  if (order.claims && streams_of(*order.claims) >= options_.max_per_user) {
    refused_.add();
    return reply(net::problem(429, "this user has as many streams as are allowed", {{"Retry-After", "5"}}));
  }
  if (!state.coming)
    return reply(net::problem(503, track->ring() + ": " + state.reason, {{"Retry-After", "2"}}));

  if (order.id.empty()) order.id = new_id();
  if (reserved != reserved_.end() && request.method != "HEAD") reserved_.erase(reserved);
  // In the query for a page that reconnects by itself: EventSource sets no header of the page's.
  const std::string_view last = request.header("last-event-id");
  order.resume_after =
      track->mark_of(last.empty() ? request.target.get("last_event_id").value_or("") : std::string(last));

  net::StreamReply stream;
  stream.content_type = place.plain ? "video/mp4" : "text/event-stream";
  if (request.method != "HEAD") {
    auto session = camera.open(std::move(order), *track);
    session->tell("hello", hello(camera, *session));
    stream.source = session;
    stream.events.sent = [this](std::size_t bytes) { bytes_.add(bytes); };
    stream.events.delivered = [this](const net::Chunk& chunk, std::size_t) {
      if (!chunk.counted) return;
      delivered_.add();
      age_.observe(static_cast<double>(monotonic_ns() - chunk.capture_ns) * 1e-9);
    };
  } else {
    stream.channel = std::make_shared<net::Channel>();
  }
  reply(std::move(stream));
}

nlohmann::ordered_json Routes::hello(const Camera& camera, const Session& session) const {
  ordered_json channels = ordered_json::object();
  const auto& claims = session.order().claims;
  for (const Channel channel : {Channel::raw, Channel::annotated}) {
    if (claims && !net::allows(*claims, camera.name(), to_string(channel))) continue;
    ordered_json names = ordered_json::array();
    for (const auto& track : camera.tracks(channel)) names.push_back(track->quality());
    if (!names.empty()) channels[to_string(channel)] = std::move(names);
  }
  const std::int64_t wall = realtime_ns();
  ordered_json all{{"connection_id", session.order().id},
                   {"camera", camera.name()},
                   {"channels", std::move(channels)},
                   {"channel", to_string(session.track().channel())},
                   {"quality", session.track().quality()},
                   {"format", session.order().format},
                   {"resumed", session.resumes()},
                   {"now", ms(wall)},
                   {"heartbeat_ms", ms(options_.heartbeat.count())},
                   {"token_expires_ms", nullptr}};
  if (session.order().claims && session.order().claims->expiry_ns)
    all["token_expires_ms"] = ms(*session.order().claims->expiry_ns - wall);
  return all;
}

net::Response Routes::post(const net::Request& request) {
  const auto place = read_place(request.target.path);
  const std::string what = place && !place->plain ? place->what : "";
  if (what != "subscribe" && what != "switch" && what != "token")
    return net::problem(404, "POST goes to /streams/sse/CAMERA/subscribe, switch or token");
  Camera* const camera = find(place->camera);
  if (camera == nullptr) return net::problem(404, "no such camera is served here; /state lists them");
  if (what == "subscribe") return subscribe(*camera, request);
  return what == "switch" ? switch_channel(*camera, request) : renew_token(*camera, request);
}

net::Response Routes::subscribe(Camera& camera, const net::Request& request) {
  const SubscribeWish wish = read_subscribe(request.body);
  auto verdict = gate_.admit(request, camera.name(), to_string(wish.channel));
  if (verdict.refusal) return std::move(*verdict.refusal);
  Track* const track = camera.find(wish.channel, wish.quality, "fmp4");
  if (track == nullptr)
    return net::problem(404, "no such channel or quality of this camera; /state lists them");
  const std::int64_t now = monotonic_ns();
  std::erase_if(reserved_, [&](const auto& one) { return one.second.until_ns < now; });
  if (reserved_.size() >= kMaxReserved)
    return net::problem(503, "too many subscriptions wait for their stream", {{"Retry-After", "30"}});
  const auto own = [&](const auto& one) {
    return one.second.bearer && Gate::same_bearer(*one.second.bearer, *verdict.claims);
  };
  if (verdict.claims &&
      std::count_if(reserved_.begin(), reserved_.end(), own) >= std::ptrdiff_t(options_.max_per_user))
    return net::problem(429,
                        "as many subscriptions of this user wait for their stream as it may have streams",
                        {{"Retry-After", "30"}});
  track->want();
  const std::string id = new_id();
  reserved_[id] = {camera.name(), wish.channel, track->quality(), now + kReservedNs,
                   std::move(verdict.claims)};
  return json({{"connection_id", id},
               {"camera", camera.name()},
               {"channel", to_string(wish.channel)},
               {"quality", track->quality()},
               {"stream", "/streams/sse/" + camera.name() + "/dual?connection_id=" + id},
               {"valid_ms", ms(kReservedNs)}},
              201);
}

net::Response Routes::switch_channel(Camera& camera, const net::Request& request) {
  const SwitchWish wish = read_switch(request.body);
  // Before the stream is looked for: who has no token learns nothing of others' streams.
  if (auto verdict = gate_.admit(request, camera.name(), {}); verdict.refusal)
    return std::move(*verdict.refusal);
  const auto session = camera.session(wish.connection_id);
  if (!session) return net::problem(404, "no such stream is open");
  const Channel channel = wish.channel.value_or(session->track().channel());
  auto verdict = gate_.admit(request, camera.name(), to_string(channel));
  if (verdict.refusal) return std::move(*verdict.refusal);
  if (session->order().claims && !Gate::same_bearer(*session->order().claims, *verdict.claims))
    return net::problem(403, "this is somebody else's stream");
  if (!session->order().dual && channel != session->track().channel())
    return net::problem(409, "this stream has one channel; open /dual to switch");
  const SessionOrder& order = session->order();
  const std::string& quality =
      wish.quality.empty() ? order.qualities[static_cast<std::size_t>(channel)] : wish.quality;
  Track* const track = camera.find(channel, quality, order.format);
  if (track == nullptr)
    return net::problem(404, "no such channel or quality of this camera; /state lists them");
  const TrackState state = track->state();
  if (const auto why = unfit(state.format.codec, order)) return net::problem(406, *why);
  if (!state.coming) return net::problem(503, track->ring() + ": " + state.reason, {{"Retry-After", "2"}});
  session->moved_for_staleness = false;
  if (track != &session->track()) session->move_to(*track, "asked", "");
  return json({{"channel", to_string(channel)}, {"quality", track->quality()}});
}

net::Response Routes::renew_token(Camera& camera, const net::Request& request) {
  const std::string id = read_token_renewal(request.body);
  auto verdict = gate_.admit(request, camera.name(), {});
  if (verdict.refusal) return std::move(*verdict.refusal);
  const auto session = camera.session(id);
  if (!session) return net::problem(404, "no such stream is open");
  if (!verdict.claims) return net::problem(409, "no tokens are needed here");
  if (!net::allows(*verdict.claims, camera.name(), to_string(session->track().channel())))
    return net::problem(403, "the token does not allow the channel at hand");
  const std::int64_t expiry = verdict.claims->expiry_ns.value_or(INT64_MAX);
  if (!session->renew(std::move(*verdict.claims))) return net::problem(403, "the token is somebody else's");
  return json({{"expires_in_ms", ms(expiry - realtime_ns())}});
}

}  // namespace camring::sseserve
