// Fan-out: bytes wrapped once, referenced by every client that gets them. A client holds what it is sending
// now and a position; it has no queue, so nothing grows when it is slow.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "net/http.h"

namespace camring::net {

/// One unit of a stream, sent whole or not at all.
struct Chunk {
  std::uint64_t sequence = 0;   ///< goes up by one a chunk of its channel
  std::int64_t capture_ns = 0;  ///< CLOCK_MONOTONIC, for age and rate
  /// CLOCK_MONOTONIC, since when it could be had: lag counts from here, so that a slow way from the camera to
  /// the server, which no skipping can shorten, darkens nobody's screen.
  std::int64_t available_ns = 0;
  bool counted = true;  ///< false: not a frame (a notice); it counts as neither delivered nor skipped
  std::string head;
  SharedBytes body;
  std::string tail;
  [[nodiscard]] std::size_t size() const noexcept {
    return head.size() + (body ? body->size() : 0) + tail.size();
  }
};
using ChunkPtr = std::shared_ptr<const Chunk>;

/// Who is told of new chunks, in the loop's turn (net/loop.h).
class Subscriber {
 public:
  virtual ~Subscriber() = default;
  virtual void wake() = 0;  ///< the channel has a newer chunk
};

/// A live stream of which only the newest chunk counts. All calls in the loop's turn.
class Channel {
 public:
  /// Makes `chunk` the newest and offers it to everybody who is idle.
  void publish(std::shared_ptr<Chunk> chunk);
  [[nodiscard]] const ChunkPtr& latest() const noexcept { return latest_; }
  [[nodiscard]] std::size_t subscribers() const noexcept { return subscribers_.size(); }
  void add(Subscriber* subscriber) { subscribers_.push_back(subscriber); }
  void remove(Subscriber* subscriber) noexcept;

 private:
  ChunkPtr latest_;
  std::uint64_t sequence_ = 0;
  std::vector<Subscriber*> subscribers_;
};

/// A stream whose chunks are chosen for one client, one after the other: what it gets next is asked for when
/// it can take it. All calls in the loop's turn.
class ChunkSource {
 public:
  virtual ~ChunkSource() = default;
  /// What goes next; empty: nothing now, the subscriber is woken when there is.
  [[nodiscard]] virtual ChunkPtr next(std::int64_t now_ns) = 0;
  /// Nothing more will ever come: the connection is closed in an orderly way.
  [[nodiscard]] virtual bool ended() const noexcept = 0;
  virtual void attach(Subscriber* subscriber) = 0;  ///< the client is ready
  virtual void detach() noexcept = 0;               ///< it is gone
};

}  // namespace camring::net
