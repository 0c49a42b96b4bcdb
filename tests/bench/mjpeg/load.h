// Clients of MJPEG streams, all in one process and cheap: bodies are thrown away inside the kernel.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "support/histogram.h"

namespace bench {

struct LoadResult {
  std::uint64_t frames = 0, bytes = 0;
  Histogram ages;  ///< of frames at their last byte: now minus X-Timestamp
};

/// `clients` streams of 127.0.0.1:port, and `stalled` further ones that connect and never read.
class Load {
 public:
  Load(int port, int clients, int stalled);
  ~Load();
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;
  /// Reads for so long; what comes is counted from scratch.
  LoadResult run(double seconds);

 private:
  struct Client;
  void read(Client& client, LoadResult& result);
  int epoll_ = -1;
  std::vector<Client*> clients_;
  std::vector<int> stalled_;
};

}  // namespace bench
