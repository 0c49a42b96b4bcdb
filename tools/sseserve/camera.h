// A camera as viewers see it: its tracks, who watches them, and how both channels are kept at one moment.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "hold_policy.h"
#include "session.h"
#include "sync/frame_pairer.h"
#include "sync/offset_estimator.h"

namespace camring::sseserve {

/// How the annotated channel goes with the raw one.
struct SyncState {
  bool known = false;          ///< both channels give frames of one source
  std::int64_t offset_ns = 0;  ///< how much later the annotated one comes, median
  std::int64_t p95_ns = 0, jitter_ns = 0;
  std::int64_t hold_ns = 0;  ///< by which raw is held back now
  bool within = true;        ///< what is left is within the tolerance
  std::uint64_t pairs = 0, violations = 0;
  bool degraded = false;           ///< too many violations in a row
  SyncMode mode = SyncMode::hold;  ///< what is done now: best instead of the hold that was ordered, where
                                   ///< the channels can't be matched
  std::optional<double> drift_ppm;
};

/// In the loop's turn.
class Camera {
 public:
  Camera(const CameraSpec& spec, const Options& options, net::Server& server, app::Metrics& metrics);
  Camera(const Camera&) = delete;
  Camera& operator=(const Camera&) = delete;
  void stop() noexcept;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] const std::vector<std::unique_ptr<Track>>& tracks(Channel channel) const noexcept {
    return tracks_[static_cast<std::size_t>(channel)];
  }
  /// By name; the first where the name is empty. Null: there is none.
  [[nodiscard]] Track* find(Channel channel, std::string_view quality,
                            std::string_view format) const noexcept;
  [[nodiscard]] std::shared_ptr<Session> open(SessionOrder order, Track& track);
  [[nodiscard]] std::shared_ptr<Session> session(std::string_view id) const;
  [[nodiscard]] std::vector<std::shared_ptr<Session>> sessions() const;
  [[nodiscard]] std::size_t viewers() const noexcept;  ///< how many sessions() has
  /// @param with_drift  it costs more than all else; only statistics tell it
  [[nodiscard]] SyncState sync(bool with_drift = true) const;
  /// The channels can't be matched: raw is not held back though that was ordered.
  [[nodiscard]] bool fallen_back() const noexcept { return policy_.fallen(); }
  [[nodiscard]] bool alive() const noexcept;

  /// Holds, staleness, heartbeats, tokens. @return after how long it shall be called again
  std::chrono::nanoseconds tick(std::int64_t now_ns);
  void end_all(std::string_view reason);

 private:
  void seen(Channel channel, Track& track, const Unit& unit);
  [[nodiscard]] bool leads(Channel channel, const Track& track, std::int64_t now_ns) noexcept;
  void judge(std::int64_t offset_ns);
  [[nodiscard]] std::int64_t hold_of(Channel channel) const noexcept;
  void steer(std::int64_t now_ns, bool seen);
  void mind(Session& session, std::int64_t now_ns);
  [[nodiscard]] net::ChunkPtr sync_event() const;
  [[nodiscard]] bool stale(const Track& track, std::int64_t now_ns, std::int64_t since_ns = 0) const;

  std::string name_;
  const Options& options_;
  net::Server& server_;
  app::Counter &skipped_total_, &switches_total_, &violations_total_, &fallbacks_total_;
  app::Gauge &hold_gauge_, &fallen_gauge_;
  std::array<std::vector<std::unique_ptr<Track>>, kChannels> tracks_;
  std::vector<std::weak_ptr<Session>> sessions_;
  struct Lead {
    const Track* track = nullptr;
    std::int64_t at_ns = 0;  // its newest unit
  };
  std::array<Lead, kChannels> leads_;  // whose frames are paired
  sync::FramePairer pairer_{sync::PairBy::number};
  sync::OffsetEstimator raw_;   // how late the annotated channel is
  sync::OffsetEstimator left_;  // what is left of that after holding
  HoldPolicy policy_;
  app::RepeatingFault unmatched_;
  std::int64_t hold_ns_ = 0, last_pair_ns_ = 0, told_ns_ = 0;
  std::uint64_t pairs_ = 0;
  std::shared_ptr<int> alive_ = std::make_shared<int>(0);
};

}  // namespace camring::sseserve
