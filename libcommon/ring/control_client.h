// A consumer's end of the control channel. Everything is a hint: failures are silent and tried again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/unique_fd.h"
#include "ring/control.h"

namespace camring {

/// Keeps a connection to a ring's writer while wanted. One thread at a time; no call blocks.
class ControlClient {
 public:
  ControlClient(std::string socket_path, std::string label);
  /// Connects when not connected, else reports totals; notices that the writer went. Call about once a
  /// second.
  void maintain(std::uint64_t seen, std::uint64_t missed) noexcept;
  void request_keyframe() noexcept;
  [[nodiscard]] bool connected() const noexcept { return static_cast<bool>(fd_); }

 private:
  [[nodiscard]] bool send(ControlMessage::Type type, std::uint64_t seen, std::uint64_t missed) noexcept;
  std::string path_, label_;
  UniqueFd fd_;
};

/// Asks a ring's writer who is connected; waits at most `timeout_ms`. Empty when it does not answer.
[[nodiscard]] std::optional<std::vector<Consumer>> ask_consumers(const std::string& socket_path,
                                                                 int timeout_ms);

}  // namespace camring
