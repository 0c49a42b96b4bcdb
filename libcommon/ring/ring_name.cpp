#include "ring/ring_name.h"

#include <algorithm>
#include <cstdlib>

#include "base/error.h"

namespace camring {

bool is_ring_name(std::string_view name) noexcept {
  if (name.empty() || name.size() > 64 || name.front() == '.' || name.front() == '-') return false;
  for (const std::string_view ending : {".lock", ".sock", ".tmp"}) {
    if (name.ends_with(ending)) return false;
  }
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  });
}

void check_ring_name(std::string_view name) {
  if (is_ring_name(name)) return;
  throw Error(
      ExitCode::usage, "use ring name", "'" + std::string(name) + "'", "not a ring name",
      "write 1 to 64 of A-Z a-z 0-9 . _ - that do not start with . or - nor end in .lock, .sock or .tmp, "
      "e.g. cam0");
}

std::string ring_directory() {
  // Read once at start-up paths only; nothing in camring calls setenv after threads have started.
  const char* directory = std::getenv("CAMRING_DIR");  // NOLINT(concurrency-mt-unsafe)
  return directory != nullptr && *directory != '\0' ? directory : "/dev/shm";
}

RingPaths::RingPaths(std::string_view name)
    : ring(ring_directory() + "/" + std::string(kRingPrefix) + std::string(name)),
      lock(ring + ".lock"),
      sock(ring + ".sock"),
      temp(ring + ".tmp") {}

}  // namespace camring
