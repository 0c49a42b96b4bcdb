// One client's place in a live channel: which chunk it gets next, and how much of that is still to go. No
// socket in it, so that every rule of skipping, thinning and ageing can be tested by itself.
#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "net/server.h"

namespace camring::net {

/// In the loop's turn, as its channel.
class Cursor {
 public:
  /// @param max_lag  a chunk that has been there for longer is not begun
  Cursor(StreamReply reply, std::chrono::nanoseconds max_lag);
  ~Cursor() { end(); }
  Cursor(const Cursor&) = delete;
  Cursor& operator=(const Cursor&) = delete;

  /// Takes the channel's newest chunk, when this client has not had it and is to get it, and counts those
  /// that it did not get. False: nothing to begin now.
  [[nodiscard]] bool begin(std::int64_t now_ns);
  [[nodiscard]] bool sending() const noexcept { return current_ != nullptr; }  ///< a chunk is begun
  [[nodiscard]] bool fresh() const noexcept { return last_sequence_ == 0; }    ///< none was begun yet
  /// What of the chunk is still to go; points into it.
  [[nodiscard]] std::span<const iovec> remaining() noexcept;
  /// So many bytes more are with the network.
  void went(std::size_t bytes);

  /// Tells the stream's events that it ended; nothing is begun any more. The chunk stays while a write needs
  /// it.
  void end() noexcept;

  [[nodiscard]] const StreamReply& reply() const noexcept { return reply_; }

 private:
  [[nodiscard]] std::array<std::pair<const void*, std::size_t>, 3> parts() const noexcept;

  StreamReply reply_;
  std::int64_t max_lag_ns_;
  ChunkPtr current_;
  std::size_t offset_ = 0;
  std::uint64_t last_sequence_ = 0;
  std::int64_t due_ns_ = 0;
  std::array<iovec, 3> left_{};
};

}  // namespace camring::net
