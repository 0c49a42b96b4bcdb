// Tables in Markdown, medians, and what must be known of the machine to believe them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace bench {

[[nodiscard]] double median(std::vector<double> values);  ///< 0 without values
/// A number with as many decimals as matter: three digits in all.
[[nodiscard]] std::string digits(double value);
[[nodiscard]] std::string ratio(double value, double base);             ///< "1.23", or "" without a base
[[nodiscard]] std::vector<std::string> split(const std::string& list);  ///< at commas

/// Prints rows as they come; all of a table's rows have as many cells as its head.
class Table {
 public:
  explicit Table(const std::vector<std::string>& head);
  static void row(const std::vector<std::string>& cells);
};

/// "2 cores (AMD EPYC), Linux 6.1.0, Debian GNU/Linux 12 (bookworm)".
[[nodiscard]] std::string machine();

/// How much CPU time others than this process and its reaped children took since construction.
class Disturbance {
 public:
  Disturbance();
  /// As a share of all cores' time; ticks make it uncertain by some percent.
  [[nodiscard]] double share() const;

 private:
  std::int64_t began_ns_;
  double busy_s_, own_s_;
};

/// Runs `one` again, at most `tries` times in all, while others take more than `most` of the machine.
/// Counts runs that had to be kept nevertheless in `disturbed`.
template <class Run>
auto undisturbed(int& disturbed, Run&& one, double most = 0.15, int tries = 3) {
  for (;;) {
    const Disturbance others;
    auto result = one();
    if (others.share() <= most) return result;
    if (--tries > 0) continue;
    ++disturbed;
    return result;
  }
}

}  // namespace bench
