// Names of rings and where their files live.
#pragma once

#include <string>
#include <string_view>

namespace camring {

/// True for 1 to 64 of [A-Za-z0-9._-] that neither start with a dot nor end in .lock, .sock or .tmp
/// (those endings are a ring's companion files).
[[nodiscard]] bool is_ring_name(std::string_view name) noexcept;

/// @throws Error (usage) that says what a ring name may be.
void check_ring_name(std::string_view name);

/// The directory of rings: $CAMRING_DIR, else /dev/shm.
[[nodiscard]] std::string ring_directory();

/// File paths of one ring: DIR/camring.NAME and its companions.
struct RingPaths {
  explicit RingPaths(std::string_view name);
  std::string ring;  ///< the frames
  std::string lock;  ///< the writer holds an open-file-description lock on it while it lives
  std::string sock;  ///< the control channel
  std::string temp;  ///< a generation just before it is renamed into place
};

inline constexpr std::string_view kRingPrefix = "camring.";

}  // namespace camring
