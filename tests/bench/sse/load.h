// Many viewers in one process and one thread.
#pragma once

#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "sse/scanner.h"

namespace bench {

class Load {
 public:
  /// Connects so many viewers, spread over a time, and waits until each has a fragment.
  /// @param comes_back  whom the server leaves connects again: for a server that sends a file
  /// @throws std::runtime_error when they have none within 20 s, or a server leaves one
  Load(int port, std::string path, int clients, bool comes_back = false);
  Load(const Load&) = delete;
  Load& operator=(const Load&) = delete;

  /// Reads for so long; what comes is counted from scratch.
  LoadResult run(double seconds);

 private:
  struct Client {
    camring::UniqueFd fd;
    Scanner scanner;
  };
  void connect(std::size_t index);
  void read(std::size_t index, LoadResult& result);
  void read_until(std::int64_t end_ns, LoadResult& result);

  int port_;
  std::string request_;
  bool comes_back_;
  camring::UniqueFd epoll_;
  std::vector<Client> clients_;
  std::vector<char> buffer_;
};

/// A socket connected to that port of 127.0.0.1. @throws std::system_error
[[nodiscard]] camring::UniqueFd connect_to(int port);

}  // namespace bench
