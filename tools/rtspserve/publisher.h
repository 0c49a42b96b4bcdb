// Pushes a ring to a relay (ANNOUNCE, RECORD; RFC 2326, sections 10.3 and 10.11) over TCP, and comes back
// when the relay does.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <thread>

#include "app/log.h"
#include "block_store.h"
#include "feed.h"
#include "rtp/rtsp_message.h"
#include "stream_cursor.h"

namespace camring::rtspserve {

/// rtsp://[user:password@]host[:port]/path
struct RelayUrl {
  std::string host, port = "554", user, password;
  std::string request;  ///< without name and password: what goes into requests
  std::string shown;    ///< with *** for the password: what goes into messages
};
/// @throws std::invalid_argument with a right example.
[[nodiscard]] RelayUrl parse_relay_url(const std::string& url);

struct PublisherState {
  bool recording = false;
  std::uint64_t frames = 0, bytes = 0, skipped = 0, reconnects = 0;
  std::string reason;  ///< why not recording
};

/// Threads of its own from construction to destruction. All calls from any thread.
class Publisher {
 public:
  Publisher(const std::string& ring, RelayUrl url, FeedOptions options, std::chrono::nanoseconds max_lag,
            app::Metrics& metrics);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;
  [[nodiscard]] PublisherState state() const;
  [[nodiscard]] const RelayUrl& url() const noexcept { return url_; }
  [[nodiscard]] const std::string& ring() const noexcept { return feed_->ring(); }
  void stop() noexcept;

 private:
  class Link;
  void run();
  void record();
  void arrived(std::shared_ptr<rtp::PacketBlock> block);

  RelayUrl url_;
  std::chrono::nanoseconds max_lag_;
  app::Counter &reconnects_, &bytes_;
  app::RepeatingFault fault_;
  std::atomic<bool> quit_{false};
  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  BlockStore store_;
  bool other_stream_ = false;
  PublisherState state_;
  std::unique_ptr<Feed> feed_;
  std::thread thread_;
};

}  // namespace camring::rtspserve
