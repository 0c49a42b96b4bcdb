#include "app/write_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>

#include "base/error.h"
#include "base/unique_fd.h"

namespace camring::app {
namespace {

constexpr mode_t kMode = 0644;

// 0, or the error number.
int write_all(int fd, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd, bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  return 0;
}

Error cannot_open(int error, const std::string& path, const std::string& action) {
  return system_error(error, action, path, "is its directory there and writable?");
}

Error cannot_write(int error, const std::string& path, const std::string& action) {
  return system_error(error, action, path, error == ENOSPC || error == EDQUOT ? "free some space" : "");
}

// The file itself where the path is a link to one: it's that which is to change.
std::string target_of(const std::string& path) {
  const std::unique_ptr<char, decltype(&std::free)> real(::realpath(path.c_str(), nullptr), &std::free);
  return real ? real.get() : path;
}

}  // namespace

void write_file(const std::string& path, std::span<const std::uint8_t> bytes, const std::string& action) {
  struct stat status {};
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode)) {
    // A pipe, a terminal, /dev/stdout: there is nothing to replace, and rename() would do just that.
    // Without waiting for a pipe's reader: the signals that end a tool would not end the wait.
    const UniqueFd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    if (!fd && errno == ENXIO) throw system_error(ENXIO, action, path, "does anybody read that pipe?");
    if (!fd) throw cannot_open(errno, path, action);
    ::fcntl(fd.get(), F_SETFL, O_WRONLY);
    if (const int error = write_all(fd.get(), bytes); error != 0) throw cannot_write(error, path, action);
    return;
  }
  const std::string target = target_of(path);
  const std::string temporary = target + ".part" + std::to_string(::getpid());
  // What lies there is an earlier process's of this number, or a trap in a directory that others can write.
  ::unlink(temporary.c_str());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, kMode));
  if (!fd) throw cannot_open(errno, path, action);
  int error = write_all(fd.get(), bytes);
  if (error == 0 && ::rename(temporary.c_str(), target.c_str()) != 0) error = errno;
  if (error != 0) {
    ::unlink(temporary.c_str());
    throw cannot_write(error, path, action);
  }
}

void write_file(const std::string& path, const std::string& text, const std::string& action) {
  write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), action);
}

}  // namespace camring::app
