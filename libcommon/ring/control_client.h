// A consumer's end of the control channel. Everything is a hint: failures are silent and tried again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
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

/// What a writer answers.
struct WriterAnswer {
  std::vector<Consumer> consumers;
  std::optional<Correction> correction;  ///< the newest that still holds
};
/// A writer's answer from its JSON, which nobody vouches for: numbers are cut to what they may be, a
/// correction against what is no ring's name is left out. Empty when it is no answer.
[[nodiscard]] std::optional<WriterAnswer> parse_writer_answer(std::string_view text);
/// Asks a ring's writer who is connected and which correction it keeps; waits at most `timeout_ms`. Empty
/// when it does not answer. @param socket_path RingPaths::sock
[[nodiscard]] std::optional<WriterAnswer> ask_writer(const std::string& socket_path, int timeout_ms);

/// Gives a ring's writer a correction to keep (age_ns is not sent; valid_ns 0 takes one back) and waits, at
/// most `timeout_ms`, until it says that it has it. False: no writer answers, or it knows no corrections.
[[nodiscard]] bool publish_correction(const std::string& socket_path, const Correction& correction,
                                      int timeout_ms);

}  // namespace camring
