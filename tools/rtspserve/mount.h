// A stream under one path: the feed of its ring, the newest blocks, and who plays it.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "feed.h"
#include "inbox.h"
#include "session.h"

namespace camring::rtspserve {

enum class Start { cached, request, live };

struct MountOptions {
  FeedOptions feed;
  Start start = Start::cached;
  std::chrono::nanoseconds max_lag = std::chrono::milliseconds(500);
};

/// In the loop's turn only; the feed's thread meets it in its inbox.
class Mount {
 public:
  Mount(std::string name, const std::string& ring, MountOptions options, net::Loop& loop, UdpSender& udp,
        app::Metrics& metrics);
  ~Mount();
  Mount(const Mount&) = delete;
  Mount& operator=(const Mount&) = delete;

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Feed& feed() noexcept { return *feed_; }
  [[nodiscard]] const BlockStore& store() const noexcept { return store_; }
  [[nodiscard]] const MountOptions& options() const noexcept { return options_; }
  [[nodiscard]] std::size_t viewers() const noexcept { return tcp_.size() + live_.size() + catching_.size(); }
  [[nodiscard]] bool fresh(std::int64_t now_ns) const;

  /// Where the stream begins for a session that plays from now on, where that is known already.
  const rtp::BlockPtr* play(Session& session);
  void pause(Session& session);
  /// Calls back once when the format is known, with false when it is not in time.
  void when_known(std::chrono::nanoseconds patience, std::function<void(bool)> callback);
  /// What this mount's sessions shall do when its stream becomes another (codec).
  std::function<void(Mount&)> on_other_stream;

  app::Counter &bytes_sent, &frames_sent, &skipped;
  app::Gauge& clients;
  app::Histogram& age;

 private:
  void bring(std::shared_ptr<rtp::PacketBlock> block);
  void arrived(const std::shared_ptr<rtp::PacketBlock>& block);
  void send_udp();
  void step_udp();
  void send_piece(std::uint64_t block, std::size_t& run, const std::vector<Session*>& sessions);
  void answer_waiting();
  void join_live();

  std::string name_;
  MountOptions options_;
  net::Loop& loop_;
  UdpSender& udp_;
  BlockStore store_;
  std::vector<Session*> tcp_;
  std::vector<Session*> live_, catching_;  // UDP: at the common place; each at its own
  std::uint64_t at_block_ = 0;             // the common place
  std::size_t at_run_ = 0;
  std::vector<UdpPath> paths_;
  boost::asio::steady_timer pace_;
  bool pacing_ = false;
  struct Waiting {
    std::int64_t until_ns;
    std::function<void(bool)> callback;
  };
  std::vector<Waiting> waiting_;
  boost::asio::steady_timer poll_;
  // From the feed's thread.
  bool dropping_ = false;  // the feed's thread's own: until a keyframe comes
  Inbox<std::shared_ptr<rtp::PacketBlock>> inbox_;
  std::shared_ptr<Mount*> self_ =
      std::make_shared<Mount*>(this);  // tasks in the loop look whether it is there
  std::unique_ptr<Feed> feed_;
};

}  // namespace camring::rtspserve
