// Many RTSP clients in one process and one thread.
#pragma once

#include <memory>
#include <vector>

#include "client.h"

namespace bench {

class Load {
 public:
  /// Starts so many clients, spread over a second, and `stalled` further ones that never read; waits until
  /// all have a picture. They come to a stream that runs: another client has it before them, and leaves then.
  /// @throws std::runtime_error when they have none within half a minute.
  Load(int port, bool udp, int clients, int stalled);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Reads for so long; what comes is counted from scratch.
  LoadResult run(double seconds);
  /// Median over the clients, from PLAY to the first keyframe.
  [[nodiscard]] double first_picture_ms() const;

 private:
  void add(int port, bool udp, bool stalled);
  void read_until(std::int64_t end_ns, LoadResult& result);
  void wait_for_pictures(std::size_t first, std::int64_t deadline_ns);
  camring::UniqueFd epoll_;
  std::vector<std::unique_ptr<Client>> clients_;
  std::size_t measured_ = 0;  ///< the first that counts; before it the opener and those that stall
};

}  // namespace bench
