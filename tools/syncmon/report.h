// Verdicts as text: a line for monitoring systems, JSON lines, Prometheus, a matrix.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "judge.h"

namespace camring::syncmon {

/// Two rings and what came out.
struct Comparison {
  std::size_t first = 0, second = 1;  ///< places in Report::rings
  PairReading reading;
  app::Verdict verdict;
  const Limits& limits;  ///< of these two
};

struct Report {
  std::vector<RingState> rings;
  std::vector<Comparison> comparisons;
  std::optional<sync::ClockDiscipline> clock;
  [[nodiscard]] app::State state() const noexcept;  ///< the worst, which is also the exit code
};

/// "SYNCMON OK - cam0.high cam0.ai.high: … | offset=…", with line end.
[[nodiscard]] std::string plugin_line(const Report& report);
/// An object and a line end for each comparison. @param wall_ns when it was looked at, since the epoch
[[nodiscard]] std::string json_lines(const Report& report, std::int64_t wall_ns);
/// A file for node_exporter's textfile collector.
[[nodiscard]] std::string prometheus_text(const Report& report, std::int64_t wall_ns);
/// Offsets of all against all, in ms: how much later the column's ring is than the row's.
[[nodiscard]] std::string matrix_text(const Report& report);
/// The line of a check that could not be made.
[[nodiscard]] std::string unknown_line(const std::string& reason);

}  // namespace camring::syncmon
