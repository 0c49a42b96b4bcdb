// The writer's end of the control channel: one thread that knows which consumers are connected and what they
// ask for.
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "base/unique_fd.h"
#include "ring/control.h"
#include "ring/ring_name.h"
#include "ring/writer_lock.h"

namespace camring {

/// Consumers beyond this number are refused; a hint channel must not eat the writer's descriptors.
inline constexpr std::size_t kMaxConsumers = 256;

/// What a consumer's message says, after all checks. Exact size, magic, known type; the label made printable.
[[nodiscard]] bool parse_control_message(const void* bytes, std::size_t size,
                                         ControlMessage& message) noexcept;

/// Serves DIR/camring.NAME.sock until destroyed, then removes it. Its thread never touches the ring.
class ControlServer {
 public:
  /// @throws Error (system, no_permission) when the socket can't be made.
  ControlServer(std::string ring_name, const RingPaths& paths, const FileAccess& access);
  ~ControlServer();
  ControlServer(const ControlServer&) = delete;
  ControlServer& operator=(const ControlServer&) = delete;

  /// Any thread.
  [[nodiscard]] std::vector<Consumer> consumers() const;
  [[nodiscard]] std::size_t consumer_count() const noexcept { return count_.load(std::memory_order_acquire); }
  [[nodiscard]] bool take_keyframe_request() noexcept {
    return keyframe_.exchange(false, std::memory_order_acq_rel);
  }
  /// The newest correction that still holds. Any thread.
  [[nodiscard]] std::optional<Correction> correction() const;
  [[nodiscard]] int event_fd() const noexcept { return event_.get(); }

 private:
  struct Peer;
  void serve() noexcept;
  [[nodiscard]] bool accept_one();         // false: out of descriptors or memory
  [[nodiscard]] bool receive(Peer& peer);  // false: close it
  void answer(const Peer& peer) const;
  void keep(const ControlMessage& message);
  [[nodiscard]] std::optional<Correction> kept() const;
  void signal_event() const noexcept;

  std::string path_;
  UniqueFd listener_, quit_, event_;
  mutable std::mutex mutex_;  // guards peers_, for consumers(), and what follows
  std::vector<std::unique_ptr<Peer>> peers_;
  std::optional<Correction> correction_;
  std::int64_t corrected_ns_ = 0;
  std::atomic<std::size_t> count_{0};
  std::atomic<bool> keyframe_{false};
  std::thread thread_;
};

}  // namespace camring
