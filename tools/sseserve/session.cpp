#include "session.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "gate.h"
#include "net/sse.h"
#include "wishes.h"

namespace camring::sseserve {
namespace {

// After which a client that lost its stream comes back.
constexpr std::chrono::milliseconds kRetry{1000};

net::ChunkPtr text_chunk(const net::SseEvent& event) {
  std::vector<std::uint8_t> bytes;
  if (!net::write_sse(event, bytes)) return nullptr;
  auto chunk = std::make_shared<net::Chunk>();
  chunk->counted = false;
  chunk->body = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  return chunk;
}

}  // namespace

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
  if (keeps_awake) (*keeps_awake)->remove(this);
}

void Session::look() {
  if (subscriber_ != nullptr) subscriber_->wake();
}

void Session::tell(std::string_view event, const std::string& json) {
  if (order_.plain || over_) return;
  net::SseEvent all;
  all.name = event;
  all.data = json;
  if (event == "hello") all.retry = kRetry;
  auto chunk = text_chunk(all);
  if (!chunk) return;
  std::erase_if(outbox_, [&](const auto& one) { return one.first == event; });
  outbox_.emplace_back(event, std::move(chunk));
}

void Session::comment() {
  if (order_.plain || over_ || !outbox_.empty()) return;
  net::SseEvent event;
  event.comment = "alive";
  if (auto chunk = text_chunk(event)) outbox_.emplace_back("", std::move(chunk));
  look();
}

void Session::end(std::string_view reason) {
  if (over_) return;
  tell("bye", nlohmann::json{{"reason", reason}}.dump());
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
    if (before->channel() != track.channel()) {
      if (keeps_awake) (*keeps_awake)->remove(this);
      keeps_awake = before;
      before->add(this);
    }
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
  tell("switch", nlohmann::ordered_json{{"channel", to_string(track.channel())},
                                        {"quality", track.quality()},
                                        {"reason", reason},
                                        {"detail", detail}}
                     .dump());
  look();
}

bool Session::resumes() const noexcept {
  const auto last = read_event_id(order_.resume_after, track_->run());
  const auto& history = track_->history();
  return last && !history.empty() && *last <= history.back()->sequence &&
         *last + 1 >= history.front()->sequence;
}

// Where a client that comes back left off, if that is still kept.
bool Session::resume() {
  if (!resumes()) return false;
  next_ = *read_event_id(order_.resume_after, track_->run()) + 1;
  grace_ = track_->history().back()->sequence;
  return true;
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
  // It has been away for longer than what is kept.
  const auto last = read_event_id(order_.resume_after, track_->run());
  if (last && *last < next_ - std::min<std::uint64_t>(next_, 1)) {
    gap_ = next_ - *last - 1;
    away_ = true;
  }
  return true;
}

// Who is further behind than allowed goes on at a keyframe. False: at one that is yet to come.
bool Session::catch_up(std::int64_t now_ns, std::int64_t hold_ns) {
  const auto& history = track_->history();
  const std::uint64_t first = history.front()->sequence;
  const bool lost = next_ < first;  // even the history has gone on
  if (lost || await_key_ ||
      (next_ > grace_ && now_ns - history[next_ - first]->available_ns - hold_ns > order_.max_lag.count())) {
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
    const nlohmann::ordered_json json{{"channel", to_string(track_->channel())},
                                      {"skipped", std::exchange(gap_, 0)},
                                      {"reason", std::exchange(away_, false) ? "away" : "slow"}};
    tell("gap", json.dump());
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
    if (!resume() && !start(now_ns, hold_ns)) return nullptr;
    started_ = true;
    order_.resume_after.clear();
  }
  const auto& history = track_->history();
  if (next_ > history.back()->sequence || !catch_up(now_ns, hold_ns)) return nullptr;
  const Unit& unit = *history[next_ - history.front()->sequence];
  if (unit.available_ns + hold_ns > now_ns) return nullptr;
  if (unit.init && unit.init != init_ && unfit(unit.init->codec, order_)) {
    // The ring's writer came back with another format.
    tell("bye", nlohmann::json{{"reason", "format changed"}}.dump());
    over_ = true;
    return next(now_ns);
  }
  last_sent_ns_ = now_ns;
  return unit_chunk(unit);
}

}  // namespace camring::sseserve
