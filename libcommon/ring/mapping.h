// A memory mapping with one owner, and a guard against SIGBUS: a file that somebody else truncates must not
// end the process that reads it.
#pragma once

#include <boost/interprocess/mapped_region.hpp>
#include <cstddef>
#include <cstdint>

namespace camring {

/// Maps a whole file, shared. Move only. @throws Error when the system refuses.
class Mapping {
 public:
  enum class Access { read_only, read_write_populated };
  Mapping() = default;
  /// @param fd  stays the caller's; the mapping outlives it
  Mapping(int fd, std::size_t bytes, Access access);
  Mapping(Mapping&& other) noexcept;
  Mapping& operator=(Mapping&& other) noexcept;
  ~Mapping();

  [[nodiscard]] std::uint8_t* data() const noexcept {
    return static_cast<std::uint8_t*>(region_.get_address());
  }
  [[nodiscard]] std::size_t size() const noexcept { return region_.get_size(); }
  /// True when the file was truncated under this mapping and the guard put zeros in its place.
  [[nodiscard]] bool broken() const noexcept;

 private:
  void watch() noexcept;
  void unwatch() noexcept;
  boost::interprocess::mapped_region region_;
  int slot_ = -1;
};

/// Installs a SIGBUS handler for the process: a fault inside a watched Mapping replaces the mapping's pages
/// by zeros (so that validity checks fail) and marks it broken; any other SIGBUS goes on to the handler that
/// was there before. Mapping's constructor calls it; calling it again does nothing.
void install_sigbus_guard() noexcept;

}  // namespace camring
