#include "session.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "chunks.h"
#include "gate.h"
#include "wishes.h"

namespace camring::sseserve {
std::optional<std::string> unfit(Codec codec, const SessionOrder& order) {
  const bool jpeg = codec == Codec::mjpeg;
  if (codec == Codec::none) return std::nullopt;  // not known yet
  if (jpeg && order.format != "jpeg") return "this quality is JPEG: ask with format=jpeg, or name another";
  if (!jpeg && order.format == "jpeg")
    return "this quality is no JPEG; a ring of JPEG frames can be named as a quality of its own";
  if (jpeg || plays(order.codecs, codec == Codec::hevc)) return std::nullopt;
  return "this quality is " + std::string(to_string(codec)) + ", which the client does not play";
}

Session::Session(SessionOrder order, Track& track, std::function<std::int64_t(Channel)> hold_ns)
    : order_(std::move(order)),
      track_(&track),
      hold_ns_(std::move(hold_ns)),
      began_ns_(monotonic_ns()),
      since_ns_(began_ns_) {
  track_->add(this);
  last_sent_ns_ = began_ns_;
}

Session::~Session() { detach(); }

void Session::detach() noexcept {
  subscriber_ = nullptr;
  if (gone_) return;
  gone_ = true;
  track_->remove(this);
  if (kept_awake_ != nullptr) kept_awake_->remove(this);
}

void Session::keep_awake(Track& other) {
  if (kept_awake_ != nullptr) kept_awake_->remove(this);
  kept_awake_ = &other;
  other.add(this);
}

void Session::look() {
  if (subscriber_ != nullptr) subscriber_->wake();
}

void Session::tell(std::string_view event, const nlohmann::ordered_json& data) {
  if (!order_.plain && !over_) tell_all(event, chunk_of(event, data));
}

void Session::tell_all(std::string_view event, net::ChunkPtr chunk) {
  if (order_.plain || over_ || !chunk) return;
  std::erase_if(outbox_, [&](const auto& one) { return one.first == event; });
  outbox_.emplace_back(event, std::move(chunk));
}

void Session::comment() {
  if (order_.plain || over_ || !outbox_.empty()) return;
  net::SseEvent event;
  event.comment = "alive";
  if (auto chunk = chunk_of(event)) outbox_.emplace_back("", std::move(chunk));
  look();
}

void Session::end(std::string_view reason) {
  if (over_) return;
  tell("bye", {{"reason", reason}});
  over_ = true;
  look();
}

bool Session::renew(net::Claims claims) {
  if (!order_.claims || !Gate::same_bearer(*order_.claims, claims)) return false;
  order_.claims = std::move(claims);
  expiry_told = false;
  return true;
}

void Session::move_to(Track& track, std::string_view reason, const std::string& detail) {
  if (gone_ || over_) return;
  Track* const before = track_;
  if (&track != before) {
    track_->remove(this);
    // The channel that it leaves stays awake for the way back; the other one does if it leaves none.
    if (before->channel() != track.channel()) keep_awake(*before);
    track_ = &track;
    since_ns_ = monotonic_ns();
    order_.qualities[static_cast<std::size_t>(track.channel())] = track.quality();
    track_->add(this);
  }
  ++switches;
  if (on_switch) on_switch();
  started_ = await_key_ = false;
  gap_ = 0;  // of the other's
  away_ = false;
  init_.reset();
  order_.resume_after.reset();
  tell("switch", {{"channel", to_string(track.channel())},
                  {"quality", track.quality()},
                  {"reason", reason},
                  {"detail", detail}});
  look();
}

// The unit that the viewer had last; null: it is not kept, or never was.
const Unit* Session::last_had() const noexcept {
  const auto& history = track_->history();
  const EventMark& last = *order_.resume_after;
  const auto found =
      std::lower_bound(history.begin(), history.end(), last.published_ns,
                       [](const UnitPtr& unit, std::int64_t of) { return unit->mark.published_ns < of; });
  return found != history.end() && (*found)->mark == last ? found->get() : nullptr;
}

bool Session::resumes() const noexcept {
  if (!order_.resume_after) return false;
  const auto& history = track_->history();
  return history.empty() || history.back()->mark.published_ns < order_.resume_after->published_ns ||
         last_had() != nullptr;
}

// Where a client that comes back left off, if that is still kept.
Session::Return Session::resume() {
  if (!order_.resume_after) return Return::none;
  const auto& history = track_->history();
  // Right after a restart what lies in the ring is still being read.
  if (history.back()->mark.published_ns < order_.resume_after->published_ns) return Return::yet_to_come;
  const Unit* const last = last_had();
  if (last == nullptr) return Return::none;
  next_ = last->sequence + 1;
  grace_ = history.back()->sequence;
  return Return::done;
}

// How many units went between the one that the viewer had last and `next`, by the ring's numbers of frames.
std::uint64_t Session::missed_before(const Unit& next) const noexcept {
  const auto& history = track_->history();
  const Unit &first = *history.front(), &newest = *history.back();
  const std::uint64_t last = order_.resume_after->number;
  // Numbers that begin anew say nothing; that something is missing is known all the same of what is not kept
  // any more. What should be kept and is not never was.
  if (last >= next.mark.number || newest.mark.number <= first.mark.number)
    return order_.resume_after->published_ns < first.mark.published_ns ? 1 : 0;
  const std::uint64_t frames = newest.mark.number - first.mark.number,
                      units = newest.sequence - first.sequence;
  const double each = static_cast<double>(frames) / static_cast<double>(units);
  const auto between = std::llround(static_cast<double>(next.mark.number - last) / each) - 1;
  return static_cast<std::uint64_t>(std::max(between, 0ll));
}

// At the newest keyframe that is due.
bool Session::start(std::int64_t now_ns, std::int64_t hold_ns) {
  const auto& history = track_->history();
  const auto found = std::find_if(history.rbegin(), history.rend(), [&](const UnitPtr& unit) {
    return unit->key && unit->available_ns + hold_ns <= now_ns;
  });
  if (found == history.rend()) return false;
  next_ = (*found)->sequence;
  grace_ = history.back()->sequence;
  // It has been away for longer than what is kept, or had a fragment that was cut otherwise in an earlier
  // run.
  if (order_.resume_after && order_.resume_after->published_ns < (*found)->mark.published_ns) {
    gap_ = missed_before(**found);
    away_ = gap_ > 0;
  }
  return true;
}

// Who is further behind than allowed goes on at a keyframe. False: at one that is yet to come.
bool Session::catch_up(std::int64_t now_ns, std::int64_t hold_ns) {
  const auto& history = track_->history();
  const std::uint64_t first = history.front()->sequence;
  const bool lost = next_ < first;  // even the history has gone on
  if (lost || await_key_ ||
      (next_ > grace_ && !history[next_ - first]->past &&
       now_ns - history[next_ - first]->available_ns - hold_ns > order_.max_lag.count())) {
    std::uint64_t target = history.back()->sequence + 1;
    for (auto unit = history.rbegin(); unit != history.rend() && (*unit)->sequence >= next_; ++unit) {
      if (!(*unit)->key) continue;
      target = (*unit)->sequence;  // one that is still held back is waited for, not passed over
      if ((*unit)->available_ns + hold_ns <= now_ns) break;
    }
    gap_ += target - next_;
    skipped_ += target - next_;
    if (on_skip) on_skip(target - next_);
    next_ = target;
    await_key_ = target > history.back()->sequence;
  }
  return !await_key_;
}

net::ChunkPtr Session::unit_chunk(const Unit& unit) {
  if (unit.init != init_ && unit.init) {
    init_ = unit.init;
    if (const auto& chunk = order_.plain ? init_->bytes : init_->event) return chunk;
  }
  if (gap_ > 0 && !order_.plain) {
    tell("gap", {{"channel", to_string(track_->channel())},
                 {"skipped", std::exchange(gap_, 0)},
                 {"reason", std::exchange(away_, false) ? "away" : "slow"}});
    auto chunk = std::move(outbox_.front().second);
    outbox_.pop_front();
    return chunk;
  }
  ++next_;
  ++sent_;
  return order_.plain ? unit.bytes : unit.event;
}

net::ChunkPtr Session::next(std::int64_t now_ns) {
  if (!outbox_.empty()) {
    auto chunk = std::move(outbox_.front().second);
    outbox_.pop_front();
    last_sent_ns_ = now_ns;
    return chunk;
  }
  if (over_ || track_->history().empty()) return nullptr;
  const std::int64_t hold_ns = order_.dual ? hold_ns_(track_->channel()) : 0;
  if (!started_) {
    const Return back = resume();
    if (back == Return::yet_to_come || (back == Return::none && !start(now_ns, hold_ns))) return nullptr;
    started_ = true;
    order_.resume_after.reset();
  }
  const auto& history = track_->history();
  if (next_ > history.back()->sequence || !catch_up(now_ns, hold_ns)) return nullptr;
  const Unit& unit = *history[next_ - history.front()->sequence];
  if (unit.available_ns + hold_ns > now_ns) return nullptr;
  if (unit.init && unit.init != init_ && unfit(unit.init->codec, order_)) {
    // The ring's writer came back with another format.
    tell("bye", {{"reason", "format changed"}});
    over_ = true;
    return next(now_ns);
  }
  last_sent_ns_ = now_ns;
  return unit_chunk(unit);
}

}  // namespace camring::sseserve
