#include "camera.h"

#include <algorithm>

#include "answers.h"
#include "base/clock.h"
#include "base/units.h"
#include "chunks.h"

namespace camring::sseserve {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;                       // while somebody watches both channels
constexpr auto kSlowTick = 500ms;                   // else
constexpr std::int64_t kSlew = 10'000'000;          // of the hold, a tick: no jump that anybody sees
constexpr std::int64_t kForgotten = 3'000'000'000;  // without a pair, what was known holds no more
constexpr std::int64_t kBack = 1'000'000'000;       // fresh for so long, and viewers are moved back
constexpr std::int64_t kTellEvery = 1'000'000'000;
constexpr std::int64_t kTokenNotice = 30'000'000'000;
constexpr std::int64_t kLeadNs = 1'000'000'000;  // without a unit of the one that is measured, another is
constexpr std::size_t kEnoughPairs = 5;

sync::OffsetRules rules(const Options& options) {
  sync::OffsetRules all;
  all.tolerance_ns = options.tolerance.count();
  all.max_violations = options.max_violations;
  return all;
}

}  // namespace

Camera::Camera(const CameraSpec& spec, const Options& options, net::Server& server, app::Metrics& metrics)
    : name_(spec.name),
      options_(options),
      server_(server),
      skipped_total_(metrics.counter("client_frames_skipped_total",
                                     "Fragments that slow viewers did not get.", {{"camera", name_}})),
      switches_total_(metrics.counter(
          "switches_total", "Times that viewers went to another channel or quality, asked or moved.",
          {{"camera", name_}})),
      violations_total_(metrics.counter("sync_violations_total", "Pairs outside the tolerance after holding.",
                                        {{"camera", name_}})),
      fallbacks_total_(metrics.counter(
          "sync_fallbacks_total",
          "Times that the raw channel was no longer held back for an annotated one that can't be matched.",
          {{"camera", name_}})),
      hold_gauge_(
          metrics.gauge("sync_hold_seconds", "By which the raw channel is held back.", {{"camera", name_}})),
      fallen_gauge_(metrics.gauge("sync_fallen_back",
                                  "1 while the annotated channel can't be matched: best instead of hold.",
                                  {{"camera", name_}})),
      raw_(rules(options)),
      left_(rules(options)),
      policy_(options.sync_mode, options.tolerance, options.max_violations) {
  for (const Channel channel : {Channel::raw, Channel::annotated}) {
    for (const QualitySpec& quality : spec.channels[static_cast<std::size_t>(channel)]) {
      auto& list = tracks_[static_cast<std::size_t>(channel)];
      list.push_back(std::make_unique<Track>(name_, channel, quality,
                                             TrackOptions{options.fragment_time, options.stale_after}, server,
                                             metrics));
      list.back()->on_unit = [this, channel, track = list.back().get()](const Unit& unit) {
        seen(channel, *track, unit);
      };
    }
  }
}

void Camera::stop() noexcept {
  for (const auto& list : tracks_) {
    for (const auto& track : list) track->stop();
  }
}

bool Camera::alive() const noexcept {
  return std::all_of(tracks_.begin(), tracks_.end(), [](const auto& list) {
    return std::all_of(list.begin(), list.end(), [](const auto& track) { return track->alive(); });
  });
}

Track* Camera::find(Channel channel, std::string_view quality, std::string_view format) const noexcept {
  for (const auto& track : tracks(channel)) {
    const bool jpeg = track->codec() == Codec::mjpeg;
    if (!quality.empty() ? track->quality() == quality : jpeg == (format == "jpeg")) return track.get();
  }
  return quality.empty() && !tracks(channel).empty() ? tracks(channel).front().get() : nullptr;
}

std::shared_ptr<Session> Camera::open(SessionOrder order, Track& track) {
  auto session = std::make_shared<Session>(std::move(order), track,
                                           [this](Channel channel) { return hold_of(channel); });
  session->on_switch = [this] { switches_total_.add(); };
  session->on_skip = [this](std::uint64_t count) { skipped_total_.add(count); };
  const Channel other = track.channel() == Channel::raw ? Channel::annotated : Channel::raw;
  if (session->order().dual && !tracks(other).empty()) {
    const SessionOrder& all = session->order();
    if (Track* const there = find(other, all.qualities[static_cast<std::size_t>(other)], all.format)) {
      session->keep_awake(*there);
    }
  }
  std::erase_if(sessions_, [](const auto& one) { return one.expired(); });
  sessions_.push_back(session);
  return session;
}

std::shared_ptr<Session> Camera::session(std::string_view id) const {
  for (const auto& one : sessions_) {
    if (auto session = one.lock(); session && !session->gone() && session->order().id == id) return session;
  }
  return nullptr;
}

std::vector<std::shared_ptr<Session>> Camera::sessions() const {
  std::vector<std::shared_ptr<Session>> all;
  for (const auto& one : sessions_) {
    if (auto session = one.lock(); session && !session->gone()) all.push_back(std::move(session));
  }
  return all;
}

std::size_t Camera::viewers() const noexcept {
  return static_cast<std::size_t>(std::count_if(sessions_.begin(), sessions_.end(), [](const auto& one) {
    const auto session = one.lock();
    return session && !session->gone();
  }));
}

std::int64_t Camera::hold_of(Channel channel) const noexcept {
  return channel == Channel::raw ? hold_ns_ : 0;
}

// Of a channel's qualities one is measured, as long as it gives frames: the encoders of those that nobody
// watches may sleep.
bool Camera::leads(Channel channel, const Track& track, std::int64_t now_ns) noexcept {
  Lead& lead = leads_[static_cast<std::size_t>(channel)];
  if (lead.track != &track && now_ns - lead.at_ns < kLeadNs) return false;
  lead = {&track, now_ns};
  return true;
}

void Camera::seen(Channel channel, Track& track, const Unit& unit) {
  if (tracks_[1].empty() || tracks_[0].empty()) return;
  // What is held back becomes due without anything new arriving.
  if (channel == Channel::raw && hold_ns_ > 0 && track.viewers() > 0) {
    server_.after(std::chrono::nanoseconds(hold_ns_), [&track, alive = std::weak_ptr(alive_)] {
      if (!alive.expired()) track.wake_viewers();
    });
  }
  if (!leads(channel, track, unit.available_ns)) return;
  const auto side = channel == Channel::raw ? sync::Side::a : sync::Side::b;
  // Not when it was made: of a ring that nobody watches, that is later.
  pairer_.add(side, {unit.source_number, unit.source_capture_ns, unit.complete_ns, 0, false});
  if (pairer_.take_break()) raw_.clear(), left_.clear(), policy_.restart();
  while (const auto pair = pairer_.take()) {
    const std::uint64_t before = left_.violations();
    judge(pair->offset_ns);
    raw_.add(pair->offset_ns, pair->at_ns);
    left_.add(pair->offset_ns - hold_ns_, pair->at_ns);
    violations_total_.add(left_.violations() - before);
    last_pair_ns_ = pair->at_ns;
    ++pairs_;
  }
}

// Ahead of raw_.add(): a pair is judged by those before it.
void Camera::judge(std::int64_t offset_ns) {
  const auto suggestion = raw_.suggestion();
  if (!suggestion || raw_.pairs() < kEnoughPairs) return;
  const bool before = policy_.fallen();
  policy_.judge(offset_ns,
                suggestion->delay_side == sync::Side::a ? suggestion->delay_ns : -suggestion->delay_ns);
  if (policy_.fallen() == before) return;
  fallen_gauge_.set(before ? 0 : 1);
  if (before) return unmatched_.clear("camera " + name_ + ": raw is held back for annotated again");
  fallbacks_total_.add();
  unmatched_.report("camera " + name_ +
                    ": annotated can't be matched: " + std::to_string(options_.max_violations) +
                    " frames in a row came more than " + duration_text(options_.tolerance) +
                    " off what a hold could make up for; raw is not held back until as many can be");
}

SyncState Camera::sync(bool with_drift) const {
  SyncState state;
  state.hold_ns = hold_ns_;
  state.pairs = pairs_;
  state.violations = left_.violations();
  state.degraded = left_.degraded() || policy_.fallen();
  state.mode = policy_.mode();
  state.known = raw_.pairs() >= kEnoughPairs && monotonic_ns() - last_pair_ns_ < kForgotten;
  if (!state.known) return state;
  const sync::Estimate estimate = raw_.estimate(with_drift);
  state.offset_ns = estimate.p50_ns;
  state.p95_ns = estimate.p95_ns;
  state.jitter_ns = estimate.jitter_ns;
  state.drift_ppm = estimate.drift_ppm;
  const auto left = left_.suggestion();
  state.within = !left || left->delay_ns <= options_.tolerance.count();
  return state;
}

// The hold follows what is measured; where somebody sees it, a little at a time.
void Camera::steer(std::int64_t now_ns, bool seen) {
  std::int64_t target = 0;
  if (raw_.pairs() >= kEnoughPairs && now_ns - last_pair_ns_ < kForgotten) {
    const auto suggestion = raw_.suggestion();
    if (suggestion && suggestion->delay_side == sync::Side::a) target = suggestion->delay_ns;
    // Another program's measurement, by the ring's own writer: what it says is more, where it sees more.
    if (!tracks_[0].empty()) target = std::max(target, tracks_[0].front()->state().correction_ns);
    // More than history keeps would never become due.
    target = policy_.hold_ns(std::min(target, HoldPolicy::kLongest));
  }
  hold_ns_ = seen ? hold_ns_ + std::clamp(target - hold_ns_, -kSlew, kSlew) : target;
  hold_gauge_.set(static_cast<double>(hold_ns_) * 1e-9);
}

// @param since_ns  when somebody began to wait: what came before says nothing of an encoder that works on
// demand
bool Camera::stale(const Track& track, std::int64_t now_ns, std::int64_t since_ns) const {
  if (!track.coming()) return true;
  const auto& history = track.history();
  const std::int64_t newest = std::max(since_ns, history.empty() ? 0 : history.back()->available_ns);
  return newest != 0 && now_ns - newest > options_.stale_after.count();
}

void Camera::mind(Session& session, std::int64_t now_ns) {
  if (session.order().claims && session.order().claims->expiry_ns) {
    const std::int64_t left = *session.order().claims->expiry_ns - realtime_ns();
    if (left <= 0) return session.end("token expired");
    if (left < kTokenNotice && !std::exchange(session.expiry_told, true)) {
      session.tell("token", {{"expires_in_ms", ms(left)}});
      session.look();
    }
  }
  if (now_ns - session.last_sent_ns() > options_.heartbeat.count()) session.comment();
  if (!session.order().dual || session.keeps_awake() == nullptr) return;
  Track& here = session.track();
  Track& there = *session.keeps_awake();
  const auto& claims = session.order().claims;
  if (claims && !net::allows(*claims, name_, to_string(there.channel()))) return;
  if (unfit(there.codec(), session.order())) return;
  if (here.channel() == Channel::annotated && stale(here, now_ns, session.since_ns()) &&
      !stale(there, now_ns) && !there.history().empty()) {
    const std::string reason = here.state().reason;
    session.move_to(there, "stale", reason.empty() ? "no frame for some time" : reason);
    session.moved_for_staleness = true;
    session.fresh_since_ns = 0;
  } else if (here.channel() == Channel::raw && session.moved_for_staleness) {
    if (stale(there, now_ns) || there.history().empty()) {
      session.fresh_since_ns = 0;
    } else if (session.fresh_since_ns == 0) {
      session.fresh_since_ns = now_ns;
    } else if (now_ns - session.fresh_since_ns > kBack) {
      session.moved_for_staleness = false;
      session.move_to(there, "fresh again", "");
    }
  }
}

std::chrono::nanoseconds Camera::tick(std::int64_t now_ns) {
  // The memory of a session that is gone stays until its last trace goes.
  std::erase_if(sessions_, [](const auto& one) { return one.expired(); });
  const auto all = sessions();
  const bool dual = std::any_of(all.begin(), all.end(), [](const auto& one) { return one->order().dual; });
  steer(now_ns, dual);
  const bool tell = now_ns - told_ns_ >= kTellEvery;
  if (tell) told_ns_ = now_ns;
  const net::ChunkPtr state = tell && dual ? sync_event() : nullptr;
  for (const auto& session : all) {
    mind(*session, now_ns);
    if (!state || !session->order().dual) continue;
    session->tell_all("sync", state);
    session->look();
  }
  return dual ? kTick : kSlowTick;
}

// The same for all who watch.
net::ChunkPtr Camera::sync_event() const {
  const SyncState state = sync(false);
  return chunk_of("sync", {{"offset_ms", ms(state.offset_ns)},
                           {"hold_ms", ms(state.hold_ns)},
                           {"within", state.within},
                           {"violations", state.violations},
                           {"mode", to_string(state.mode)},
                           {"degraded", state.degraded}});
}

void Camera::end_all(std::string_view reason) {
  for (const auto& session : sessions()) session->end(reason);
}

}  // namespace camring::sseserve
