// What a check came to, as the Monitoring Plugins Development Guidelines want it, and the text around it.
#pragma once

#include <optional>
#include <string>
#include <vector>

namespace camring::app {

/// The Monitoring Plugins' states; the numbers are exit codes.
enum class State : int { ok = 0, warning = 1, critical = 2, unknown = 3 };
[[nodiscard]] const char* to_string(State state) noexcept;  ///< "OK", "WARNING", …

struct Reason {
  State state;
  std::string check;  ///< "sharpness", "frozen", "stale", …: stable, for programs
  std::string text;   ///< for people
};

struct Verdict {
  State state = State::ok;
  std::vector<Reason> reasons;  ///< the worst first
  void add(State state, std::string check, std::string text);
  [[nodiscard]] std::string text() const;  ///< all reasons, "; " between them
};

/// A threshold as options give it: "[SUBJECT/]METRIC=RANGE".
struct LimitWords {
  std::string subject;  ///< empty: holds for all
  std::string metric, range;
};
/// Empty when there is no '='. The parts are not looked at.
[[nodiscard]] std::optional<LimitWords> split_limit(const std::string& word);

/// "TOOL STATE - text | perfdata" and a line end. A bar or a control character in the text, which would end
/// it, becomes a space. @param perfdata as "name=value;warn;crit …", or empty
[[nodiscard]] std::string status_line(const std::string& tool, State state, const std::string& text,
                                      const std::string& perfdata = {});
[[nodiscard]] std::string short_number(double value);  ///< four digits that matter: "0.9312", "1500000"; no
                                                       ///< exponent, which perfdata does not know
/// A label's value in Prometheus' text format, without its quotes.
[[nodiscard]] std::string prometheus_label(const std::string& text);
/// What Prometheus' text format wants before a family's samples.
[[nodiscard]] std::string prometheus_head(const std::string& name, const std::string& help);

/// To standard output, at once. A reader that has gone is no failure. @throws Error (system): the disk is
/// full.
void print(const std::string& text);

}  // namespace camring::app
