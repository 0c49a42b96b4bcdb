// Fragments of MP4, made by camring and by libavformat.
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace bench {

/// One way of doing something, and the CPU time that its runs took.
struct Side {
  const char* name;
  std::function<void()> run;
  std::vector<double> seconds{};
};

/// Each makes one fragment of an H.264 access unit of so many bytes; the first only copies it.
[[nodiscard]] std::vector<Side> fragment_sides(std::size_t size);

}  // namespace bench
