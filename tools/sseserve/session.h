// One viewer: which track it watches, what it gets next, and when it must go.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>

#include "net/channel.h"
#include "net/jwt.h"
#include "track.h"

namespace camring::sseserve {

/// What a viewer asked for.
struct SessionOrder {
  std::string id;  ///< connection_id
  std::string camera;
  bool dual = false;   ///< may switch; is held so that both channels show one moment
  bool plain = false;  ///< fragments as bytes, without events
  std::string format = "fmp4";
  std::string codecs;  ///< that the client plays, as it said; empty: not said
  std::array<std::string, kChannels>
      qualities;                          ///< of each channel that it wants or has last had; empty: not said
  std::optional<EventMark> resume_after;  ///< of its Last-Event-ID
  std::chrono::nanoseconds max_lag{};
  std::optional<net::Claims> claims;
};

/// Why a client can't be sent what a ring holds; empty: it can, or nobody knows yet what it holds.
[[nodiscard]] std::optional<std::string> unfit(Codec codec, const SessionOrder& order);

/// In the loop's turn only; owned by its connection.
class Session final : public net::ChunkSource, public Viewer, public std::enable_shared_from_this<Session> {
 public:
  /// @param track  to begin with
  /// @param hold_ns  for how long a unit of this channel is held back now
  Session(SessionOrder order, Track& track, std::function<std::int64_t(Channel)> hold_ns);
  ~Session() override;

  // net::ChunkSource
  [[nodiscard]] net::ChunkPtr next(std::int64_t now_ns) override;
  [[nodiscard]] bool ended() const noexcept override { return over_ && outbox_.empty(); }
  void attach(net::Subscriber* subscriber) override { subscriber_ = subscriber; }
  void detach() noexcept override;
  // Viewer
  void look() override;

  /// An event of its own, ahead of the next fragment, in place of one of this name that has not gone out yet:
  /// nothing piles up for who reads slowly.
  void tell(std::string_view event, const nlohmann::ordered_json& data);
  void tell_all(std::string_view event, net::ChunkPtr chunk);  ///< what others are told, too
  void comment();  ///< a heartbeat when nothing went out for `silence`
  /// The other channel, so that a switch finds it running, instead of the one before; null: none.
  void keep_awake(Track& other);
  [[nodiscard]] Track* keeps_awake() const noexcept { return kept_awake_; }
  /// Goes on with another track: its init and its group at hand at once.
  void move_to(Track& track, std::string_view reason, const std::string& detail);
  void end(std::string_view reason);
  /// Another token for the same viewer. False: it is somebody else's.
  [[nodiscard]] bool renew(net::Claims claims);

  /// Whether all that followed the last event that the viewer has had is still kept, as far as can be said:
  /// just after its start the server still reads what the ring holds. Before anything was sent.
  [[nodiscard]] bool resumes() const noexcept;

  [[nodiscard]] const SessionOrder& order() const noexcept { return order_; }
  [[nodiscard]] Track& track() const noexcept { return *track_; }
  [[nodiscard]] bool gone() const noexcept { return gone_; }
  [[nodiscard]] bool over() const noexcept { return over_; }
  [[nodiscard]] std::uint64_t sent() const noexcept { return sent_; }
  [[nodiscard]] std::uint64_t skipped() const noexcept { return skipped_; }
  [[nodiscard]] std::int64_t began_ns() const noexcept { return began_ns_; }
  [[nodiscard]] std::int64_t since_ns() const noexcept { return since_ns_; }  ///< on this track
  [[nodiscard]] std::int64_t last_sent_ns() const noexcept { return last_sent_ns_; }
  bool expiry_told = false;
  bool moved_for_staleness = false;
  std::int64_t fresh_since_ns = 0;  ///< of the channel that went stale
  std::uint64_t switches = 0;
  std::function<void(std::uint64_t)> on_skip;
  std::function<void()> on_switch;

 private:
  [[nodiscard]] bool start(std::int64_t now_ns, std::int64_t hold_ns);
  enum class Return { none, yet_to_come, done };
  [[nodiscard]] Return resume();
  [[nodiscard]] const Unit* last_had() const noexcept;
  [[nodiscard]] std::uint64_t missed_before(const Unit& next) const noexcept;
  [[nodiscard]] bool catch_up(std::int64_t now_ns, std::int64_t hold_ns);
  [[nodiscard]] net::ChunkPtr unit_chunk(const Unit& unit);

  SessionOrder order_;
  Track* track_;
  Track* kept_awake_ = nullptr;
  std::function<std::int64_t(Channel)> hold_ns_;
  net::Subscriber* subscriber_ = nullptr;
  std::deque<std::pair<std::string, net::ChunkPtr>> outbox_;  // by the event's name
  bool started_ = false, over_ = false, gone_ = false, await_key_ = false;
  std::uint64_t next_ = 0;            // sequence in the track
  std::uint64_t grace_ = 0;           // up to here units were there before this viewer: they may be old
  std::uint64_t gap_ = 0;             // units skipped that the viewer was not told of
  bool away_ = false;                 // why: not slow, but elsewhere
  std::shared_ptr<const Init> init_;  // that the viewer has
  std::uint64_t sent_ = 0, skipped_ = 0;
  std::int64_t began_ns_ = 0, since_ns_ = 0, last_sent_ns_ = 0;
};

}  // namespace camring::sseserve
