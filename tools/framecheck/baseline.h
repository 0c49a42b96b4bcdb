// What is usual for a camera at an hour of the day, learnt from itself, in a small JSON file.
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "metrics.h"

namespace camring::framecheck {

/// Metrics that baselines hold.
[[nodiscard]] const std::array<Metric, 5>& baseline_metrics() noexcept;

/// One thread.
class Baseline {
 public:
  struct Usual {
    std::uint64_t count = 0;
    double mean = 0, deviation = 0;
  };
  /// @throws Error: no_input, no_permission; data when the file is damaged.
  [[nodiscard]] static Baseline load(const std::string& path);
  /// The same of a file's content. @param path for messages
  [[nodiscard]] static Baseline parse(std::string_view content, const std::string& path);
  /// Written whole or not at all. @throws Error.
  void save(const std::string& path, const std::string& subject) const;
  /// What save() writes.
  [[nodiscard]] std::string content(const std::string& subject) const;

  /// One observation at an hour (0 to 23, local time).
  void learn(int hour, const Values& values);
  /// Empty with fewer than ten observations at that hour.
  [[nodiscard]] std::optional<Usual> usual(int hour, Metric metric) const;

 private:
  struct Sum {  // B. P. Welford's running mean and sum of squared deviations (1962)
    std::uint64_t count = 0;
    double mean = 0, squares = 0;
  };
  std::array<std::map<Metric, Sum>, 24> hours_;
};

}  // namespace camring::framecheck
