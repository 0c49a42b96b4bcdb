// What Routes tells of cameras, streams and how both channels go together.
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "answers.h"
#include "base/clock.h"
#include "routes.h"

namespace camring::sseserve {
namespace {

using nlohmann::ordered_json;

ordered_json quality_json(const Track& track) {
  const TrackState state = track.state();
  std::string codec = state.mime;
  if (const auto at = codec.find("codecs=\""); at != std::string::npos)
    codec = codec.substr(at + 8, codec.size() - at - 9);
  ordered_json one{{"name", track.quality()},
                   {"ring", track.ring()},
                   {"codec", codec},
                   {"mime", state.mime},
                   {"width", state.format.size.width},
                   {"height", state.format.size.height},
                   {"fps", state.fps},
                   {"ready", state.ready},
                   {"reason", state.reason},
                   {"writer", std::string(to_string(state.writer))},
                   {"units", state.units},
                   {"missed", state.missed},
                   {"viewers", track.viewers()},
                   {"age_ms", nullptr}};
  if (state.capture_ns) one["age_ms"] = ms(monotonic_ns() - *state.capture_ns);
  return one;
}

ordered_json sync_json(const SyncState& sync) {
  return {{"known", sync.known},
          {"offset_ms", ms(sync.offset_ns)},
          {"offset_p95_ms", ms(sync.p95_ns)},
          {"jitter_ms", ms(sync.jitter_ns)},
          {"drift_ppm", sync.drift_ppm ? ordered_json(*sync.drift_ppm) : ordered_json(nullptr)},
          {"hold_ms", ms(sync.hold_ns)},
          {"within", sync.within},
          {"pairs", sync.pairs},
          {"violations", sync.violations},
          {"mode", to_string(sync.mode)},
          {"degraded", sync.degraded}};
}

// Nobody is told of what they may not see.
bool may_see(const std::optional<net::Claims>& bearer, const Camera& camera, Channel channel) {
  return !bearer || net::allows(*bearer, camera.name(), to_string(channel));
}

}  // namespace

net::Response Routes::state(const Bearer& bearer) const {
  ordered_json cameras = ordered_json::array();
  for (const auto& camera : cameras_) {
    ordered_json channels = ordered_json::array();
    bool ready = false;
    std::string reason;
    for (const Channel channel : {Channel::raw, Channel::annotated}) {
      if (!may_see(bearer, *camera, channel)) continue;
      ordered_json qualities = ordered_json::array();
      for (const auto& track : camera->tracks(channel)) {
        qualities.push_back(quality_json(*track));
        const TrackState state = track->state();
        ready = ready || state.ready;
        if (reason.empty()) reason = state.reason;
      }
      if (!qualities.empty())
        channels.push_back({{"name", to_string(channel)}, {"qualities", std::move(qualities)}});
    }
    if (channels.empty()) continue;
    cameras.push_back({{"name", camera->name()},
                       {"ready", ready},
                       {"reason", ready ? "" : reason},
                       {"channels", std::move(channels)}});
  }
  return json({{"tool", "sseserve"},
               {"version", CAMRING_VERSION},
               {"streams", streams()},
               {"max_streams", options_.max_connections},
               {"cameras", std::move(cameras)}});
}

net::Response Routes::sync_stats(const Camera& camera) const {
  ordered_json all{{"camera", camera.name()},
                   {"ordered", options_.sync},
                   {"tolerance_ms", ms(options_.tolerance.count())}};
  all.update(sync_json(camera.sync()));
  return json(all);
}

net::Response Routes::dual_stats(const Bearer& bearer) const {
  ordered_json all = ordered_json::array();
  for (const auto& camera : cameras_) {
    if (camera->tracks(Channel::raw).empty() || camera->tracks(Channel::annotated).empty()) continue;
    if (!may_see(bearer, *camera, Channel::raw) && !may_see(bearer, *camera, Channel::annotated)) continue;
    std::size_t viewers = 0;
    std::uint64_t switches = 0;
    for (const auto& session : camera->sessions()) {
      viewers += session->order().dual;
      switches += session->switches;
    }
    ordered_json one{{"camera", camera->name()}, {"viewers", viewers}, {"switches", switches}};
    one.update(sync_json(camera->sync()));
    all.push_back(std::move(one));
  }
  return json({{"mode", options_.sync},
               {"tolerance_ms", ms(options_.tolerance.count())},
               {"cameras", std::move(all)}});
}

// Sessions as text at once: thousands of objects would hold up the loop, and everybody's pictures with it.
// Names of cameras and qualities are those of rings, which need no escaping.
net::Response Routes::stats(const Bearer& bearer) const {
  std::string sessions;
  const std::int64_t now = monotonic_ns();
  for (const auto& camera : cameras_) {
    for (const auto& session : camera->sessions()) {
      if (!may_see(bearer, *camera, session->track().channel())) continue;
      // Connection ids are keys to streams: not shown.
      std::array<char, 96> numbers{};
      std::snprintf(numbers.data(), numbers.size(), R"(,"sent":%llu,"skipped":%llu,"age_s":%lld.%03d})",
                    static_cast<unsigned long long>(session->sent()),
                    static_cast<unsigned long long>(session->skipped()),
                    static_cast<long long>((now - session->began_ns()) / 1'000'000'000),
                    static_cast<int>((now - session->began_ns()) / 1'000'000 % 1000));
      if (!sessions.empty()) sessions += ',';
      sessions += R"({"camera":")" + camera->name() + R"(","channel":")" +
                  to_string(session->track().channel()) + R"(","quality":")" + session->track().quality() +
                  R"(","dual":)" + (session->order().dual ? "true" : "false") + R"(,"format":")" +
                  session->order().format + '"' + numbers.data();
    }
  }
  std::string numbers = text({{"streams", streams()},
                              {"max_streams", options_.max_connections},
                              {"refused", refused_.value() + server_.refused()},
                              {"kicked", server_.kicked()}});
  numbers.pop_back();  // the closing brace
  return net::json_response(numbers + ",\"sessions\":[" + sessions + "]}\n");
}

net::Response Routes::health() const {
  std::size_t ready = 0, tracks = 0, unmatched = 0;
  for (const auto& camera : cameras_) {
    unmatched += camera->fallen_back();
    for (const Channel channel : {Channel::raw, Channel::annotated}) {
      for (const auto& track : camera->tracks(channel)) {
        ++tracks;
        ready += track->state().ready;
      }
    }
  }
  const bool full = streams() >= options_.max_connections;
  const char* status = ready == 0 ? "down" : full || ready < tracks || unmatched > 0 ? "degraded" : "ok";
  net::Response response = json(
      {{"status", status}, {"rings", tracks}, {"ready", ready}, {"full", full}, {"unmatched", unmatched}},
      ready == 0 ? 503 : 200);
  if (ready == 0) response.headers.emplace_back("Retry-After", "2");
  return response;
}

net::Response Routes::ready() const {
  std::string reasons;
  for (const auto& camera : cameras_) {
    for (const Channel channel : {Channel::raw, Channel::annotated}) {
      for (const auto& track : camera->tracks(channel)) {
        const TrackState state = track->state();
        if (!state.ready) reasons += (reasons.empty() ? "" : "; ") + track->ring() + ": " + state.reason;
      }
    }
  }
  if (reasons.empty()) return {200, "text/plain; charset=utf-8", {}, "ready\n", nullptr};
  return net::problem(503, reasons, {{"Retry-After", "2"}});
}

net::Response Routes::metrics() const {
  connections_.set(static_cast<double>(server_.clients()));
  kicked_.add(server_.kicked() - kicked_.value());
  return net::metrics_response(metrics_.render());
}

}  // namespace camring::sseserve
