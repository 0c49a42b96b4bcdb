// Who writes a ring: the holder of an open-file-description lock on the ring's lock file. The kernel frees it
// when the holder dies, however it dies, and it can be tested from any pid namespace.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "base/unique_fd.h"
#include "ring/ring_name.h"

namespace camring {

/// Mode and group that a ring's files get.
struct FileAccess {
  mode_t mode = 0640;
  std::optional<gid_t> group;
};

/// Gives a new file its mode whatever the umask is, and its group. An explicit group that can't be given is
/// an Error; the standard group ("video") is given where possible and left out where not.
void apply_access(int fd, const FileAccess& access, const std::string& path);

/// The lock, held for the object's life. The file stays (or goes) as the owner says; only the lock counts.
class WriterLock {
 public:
  /// @throws Error: temporary (somebody holds it: says the pid), no_permission, system.
  WriterLock(const std::string& ring_name, const RingPaths& paths, const FileAccess& access);
  /// Removes the file while the lock is held, so that nobody can be in between.
  void remove_file() noexcept;

 private:
  std::string path_;
  UniqueFd fd_;
};

enum class LockTest { held, free, unknown };  ///< unknown: not permitted to look
/// Whether some writer lives. About 1 µs; needs read permission on the lock file only.
[[nodiscard]] LockTest test_writer_lock(const std::string& lock_path) noexcept;

}  // namespace camring
