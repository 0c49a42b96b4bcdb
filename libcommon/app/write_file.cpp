#include "app/write_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <cstdio>

#include "base/error.h"
#include "base/unique_fd.h"

namespace camring::app {
namespace {

[[noreturn]] void give_up(const std::string& temporary, const std::string& path, const std::string& action,
                          const std::string& advice) {
  const int error = errno;
  ::unlink(temporary.c_str());
  throw system_error(error, action, path, advice);
}

}  // namespace

void write_file(const std::string& path, std::span<const std::uint8_t> bytes, const std::string& action) {
  const std::string temporary = path + ".part" + std::to_string(::getpid());
  UniqueFd fd(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
  if (!fd) throw system_error(errno, action, path, "is its directory there and writable?");
  while (!bytes.empty()) {
    const ssize_t done = ::write(fd.get(), bytes.data(), bytes.size());
    if (done < 0 && errno == EINTR) continue;
    if (done < 0) give_up(temporary, path, action, "free some space");
    bytes = bytes.subspan(static_cast<std::size_t>(done));
  }
  if (::rename(temporary.c_str(), path.c_str()) != 0) give_up(temporary, path, action, "");
}

void write_file(const std::string& path, const std::string& text, const std::string& action) {
  write_file(path, std::span(reinterpret_cast<const std::uint8_t*>(text.data()), text.size()), action);
}

}  // namespace camring::app
