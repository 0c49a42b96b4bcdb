// Tells the writers of rings by how much their frames are to be delayed.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace camring::syncmon {

/// Sends what changed or is about to expire; one thread.
class Corrector {
 public:
  /// @param valid  how long a correction holds; it is sent again after half of that
  Corrector(std::vector<std::string> rings, std::chrono::nanoseconds valid);
  /// @param delays_ns  for each ring; empty: not known
  /// @return what could not be told, as a message; empty when all went well
  [[nodiscard]] std::string tell(const std::vector<std::optional<std::int64_t>>& delays_ns);

 private:
  struct Told {
    std::string name;
    std::int64_t delay_ns = 0;  ///< 0: nothing
    std::int64_t at_ns = 0;
  };
  std::vector<Told> rings_;
  std::chrono::nanoseconds valid_;
};

}  // namespace camring::syncmon
