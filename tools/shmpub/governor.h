// Dynamic quality: when the machine or a reader can't keep up, outputs are made cheaper step by step, and
// dearer again when there is room, without flapping. Decides only; what a step means is the output's
// business.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace camring::shmpub {

/// One output as the governor sees it, over the last interval.
struct OutputLoad {
  int level = 0, max_level = 0;        ///< 0: as ordered
  bool raw = false;                    ///< for analysis: degraded last
  double busy_seconds = 0;             ///< spent on encoding it
  std::uint64_t seen = 0, missed = 0;  ///< by its consumers, as they report
};

/// The process and the machine over the last interval.
struct MachineLoad {
  double busy_share = 0;    ///< of the time between source frames that their processing took
  double behind_share = 0;  ///< of the source's frames that came and went meanwhile
  std::optional<double>
      pressure;  ///< percent of the last 10 s that some task waited for a CPU; unset: unknown
};

/// A change of one output's level.
struct QualityStep {
  std::size_t output = 0;
  int level = 0;
  std::string reason;
};

/// One thread. Times are CLOCK_MONOTONIC.
class Governor {
 public:
  static constexpr std::chrono::seconds kInterval{1};  ///< between calls of judge()

  /// At most one step; to be called every kInterval.
  [[nodiscard]] std::optional<QualityStep> judge(std::int64_t now_ns, const MachineLoad& machine,
                                                 const std::vector<OutputLoad>& outputs);

 private:
  [[nodiscard]] std::optional<QualityStep> down(const std::vector<OutputLoad>& outputs, std::string reason);
  [[nodiscard]] std::optional<QualityStep> up(const std::vector<OutputLoad>& outputs);

  int overloaded_ = 0;  // intervals in a row
  std::vector<int> losing_;
  std::int64_t calm_since_ns_ = 0, went_up_ns_ = 0, went_down_ns_ = 0;
  std::int64_t patience_ns_ = 0;  // how long it must be calm before a step up; grows when steps up were wrong
};

/// "some avg10" of a pressure file (Documentation/accounting/psi.rst): percent. Unset where the kernel has
/// none.
[[nodiscard]] std::optional<double> cpu_pressure(const char* path = "/proc/pressure/cpu");

}  // namespace camring::shmpub
