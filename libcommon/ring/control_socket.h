// A unix socket address for a path of any length.
#pragma once

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/unique_fd.h"

namespace camring {

/// Holds the address; paths beyond sun_path's 108 bytes go through a descriptor of their directory.
class ControlAddress {
 public:
  explicit ControlAddress(std::string path) {
    address_.sun_family = AF_UNIX;
    if (path.size() >= sizeof address_.sun_path) {
      const auto slash = path.rfind('/');
      directory_.reset(::open(path.substr(0, slash).c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
      path = "/proc/self/fd/" + std::to_string(directory_.get()) + path.substr(slash);
    }
    std::memcpy(address_.sun_path, path.data(), std::min(path.size(), sizeof address_.sun_path - 1));
  }
  [[nodiscard]] const sockaddr* data() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  [[nodiscard]] socklen_t size() const noexcept { return sizeof address_; }

 private:
  sockaddr_un address_{};
  UniqueFd directory_;
};

}  // namespace camring
