// Standard output that never blocks past a stop: a reader that hangs must not make the tool hang.
#pragma once

#include <cstdint>
#include <span>

#include "app/stop.h"
#include "base/unique_fd.h"

namespace camring::shmcat {

/// One thread.
class Sink {
 public:
  enum class Result { ok, closed, stopped };
  /// @param fd  stays the caller's; its flags are left alone, since other processes may share them
  Sink(int fd, const app::Stop& stop);
  /// Writes all of it, waiting as long as the reader does. closed: the reader has gone (EPIPE).
  /// @throws Error (system) for other failures, e.g. a full disk.
  [[nodiscard]] Result write(std::span<const std::uint8_t> bytes);
  /// Whether the reader has gone; for the time in which there is nothing to write.
  [[nodiscard]] bool closed() const noexcept;

 private:
  [[nodiscard]] long write_some(std::span<const std::uint8_t> bytes) const noexcept;
  int fd_;
  bool pipe_ = false;
  UniqueFd own_;  // the same pipe, opened once more, without blocking
  const app::Stop& stop_;
};

}  // namespace camring::shmcat
