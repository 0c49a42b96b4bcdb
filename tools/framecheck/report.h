// Verdicts as text: a line for monitoring systems, JSON lines, Prometheus.
#pragma once

#include <string>

#include "judge.h"

namespace camring::framecheck {

/// Who was checked and what came out.
struct Report {
  std::string subject;  ///< the ring's or file's name
  const Reading& reading;
  const Verdict& verdict;
  const Limits& limits;
};

/// "FRAMECHECK OK - cam0: … | score=0.93;0.4:;0.2: …" (Monitoring Plugins Development Guidelines), with line
/// end.
[[nodiscard]] std::string plugin_line(const Report& report);
/// One object and a line end. @param wall_ns when it was looked at, since the epoch
[[nodiscard]] std::string json_line(const Report& report, std::int64_t wall_ns);
/// A file for node_exporter's textfile collector.
[[nodiscard]] std::string prometheus_text(const Report& report, std::int64_t wall_ns);
/// The line of a check that could not be made.
[[nodiscard]] std::string unknown_line(const std::string& reason);

}  // namespace camring::framecheck
