#include "report.h"

#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

namespace camring::syncmon {
namespace {

using app::State;
using nlohmann::ordered_json;

double ms(std::int64_t ns) { return static_cast<double>(ns) * 1e-6; }

std::string limit_text(const Ranges& ranges, Metric metric) {
  const auto found = ranges.find(metric);
  return found == ranges.end() ? "" : to_string(found->second);
}

std::string summary(const Report& report, const Comparison& item) {
  const RingState &a = report.rings[item.first], &b = report.rings[item.second];
  const PairReading& reading = item.reading;
  if (reading.estimate.pairs == 0) return {};
  std::string text = b.name + " is " + ms_text(std::abs(reading.estimate.p50_ns)) +
                     (reading.estimate.p50_ns < 0 ? " earlier than " : " later than ") + a.name + " (p95 " +
                     ms_text(reading.estimate.p95_ns) + ", jitter " + ms_text(reading.estimate.jitter_ns);
  if (reading.estimate.drift_ppm)
    text += ", drift " + app::short_number(*reading.estimate.drift_ppm) + " ppm";
  return text + "; " + std::to_string(reading.estimate.pairs) + " pairs by " + to_string(reading.how) + ")";
}

// The same ring's death is a reason in all of its comparisons, and is said once.
std::string new_reasons(const app::Verdict& verdict, std::set<std::string>& said) {
  std::string text;
  for (const app::Reason& reason : verdict.reasons) {
    const bool of_ring = reason.check == "ring" || reason.check == "signal" || reason.check == "stale";
    if (of_ring && !said.insert(reason.text).second) continue;
    text += (text.empty() ? "" : "; ") + reason.text;
  }
  return text;
}

ordered_json json_of(const Report& report, const Comparison& item, std::int64_t wall_ns) {
  const RingState &a = report.rings[item.first], &b = report.rings[item.second];
  const PairReading& reading = item.reading;
  const sync::Estimate& estimate = reading.estimate;
  const bool known = estimate.pairs > 0;
  const auto time = [&](std::int64_t ns) { return known ? ordered_json(ms(ns)) : ordered_json(nullptr); };
  const auto maybe = [](const auto& value, auto convert) {
    return value ? ordered_json(convert(*value)) : ordered_json(nullptr);
  };
  const auto same = [](double value) { return value; };
  ordered_json reasons = ordered_json::array();
  for (const app::Reason& reason : item.verdict.reasons)
    reasons.push_back({{"state", to_string(reason.state)}, {"check", reason.check}, {"text", reason.text}});
  ordered_json json{{"time_s", static_cast<double>(wall_ns) * 1e-9},
                    {"a", a.name},
                    {"b", b.name},
                    {"state", to_string(item.verdict.state)},
                    {"paired_by", known ? ordered_json(to_string(reading.how)) : ordered_json(nullptr)},
                    {"pairs", estimate.pairs},
                    {"span_ms", ms(estimate.span_ns)},
                    {"offset_p50_ms", time(estimate.p50_ns)},
                    {"offset_p95_ms", time(estimate.p95_ns)},
                    {"offset_max_ms", time(estimate.max_ns)},
                    {"jitter_ms", time(estimate.jitter_ns)},
                    {"drift_ppm", maybe(estimate.drift_ppm, same)},
                    {"drift_error_ppm",
                     estimate.drift_ppm ? ordered_json(estimate.drift_error_ppm) : ordered_json(nullptr)},
                    {"missing_in_a", reading.counts.missing[0]},
                    {"missing_in_b", reading.counts.missing[1]},
                    {"missing_percent", maybe(reading.missing_percent, same)},
                    {"tolerance_ms", ms(item.limits.tolerance.count())},
                    {"violations", reading.violations},
                    {"violations_total", reading.all_violations},
                    {"degraded", reading.degraded},
                    {"restarts", reading.counts.restarts},
                    {"jumps", reading.counts.jumps},
                    {"stamps_offset_ms", maybe(reading.stamps_ns, ms)}};
  json["suggestion"] = nullptr;
  if (!advice(a, b, reading).empty()) {
    const bool first = reading.suggestion->delay_side == sync::Side::a;
    json["suggestion"] = {{"delay", first ? a.name : b.name}, {"delay_ms", ms(reading.suggestion->delay_ns)}};
  }
  json["content"] = nullptr;
  if (reading.content) {
    json["content"] = {{"found", reading.content->why == sync::ContentAnswer::Why::found},
                       {"why", to_string(reading.content->why)},
                       {"likeness", reading.content->likeness},
                       {"confidence", reading.content->confidence}};
  }
  json["clock"] = nullptr;
  if (report.clock) {
    json["clock"] = {{"synchronised", report.clock->synchronised},
                     {"estimated_error_ms", ms(report.clock->estimated_error_ns)},
                     {"frequency_ppm", report.clock->frequency_ppm}};
  }
  json["reasons"] = std::move(reasons);
  return json;
}

}  // namespace

State Report::state() const noexcept {
  const auto rank = [](State state) {
    return state == State::unknown ? 1 : state == State::ok ? 0 : static_cast<int>(state) + 1;
  };
  State worst = State::ok;
  for (const Comparison& item : comparisons) {
    if (rank(item.verdict.state) > rank(worst)) worst = item.verdict.state;
  }
  return worst;
}

std::string plugin_line(const Report& report) {
  const State state = report.state();
  std::string text, data;
  std::set<std::string> said;
  for (const Comparison& item : report.comparisons) {
    const RingState &a = report.rings[item.first], &b = report.rings[item.second];
    if (item.verdict.state != state) continue;
    std::string part = new_reasons(item.verdict, said);
    const std::string measured = summary(report, item), help = advice(a, b, item.reading);
    if (!measured.empty()) part += (part.empty() ? "" : "; ") + measured;
    if (!help.empty() && state != State::ok) part += "; " + help;
    if (!part.empty()) text += (text.empty() ? "" : "; ") + part;
  }
  for (const Comparison& item : report.comparisons) {
    const std::string prefix = report.comparisons.size() == 1 ? ""
                                                              : report.rings[item.first].name + ":" +
                                                                    report.rings[item.second].name + ":";
    for (const MetricInfo& info : metric_table()) {
      const auto value = value_of(info.metric, item.reading);
      if (!value) continue;
      data += (data.empty() ? "" : " ") + prefix + info.name + "=" + app::short_number(*value) + info.unit +
              ";" + limit_text(item.limits.warning, info.metric) + ";" +
              limit_text(item.limits.critical, info.metric);
    }
  }
  std::string names;
  for (const RingState& ring : report.rings) names += (names.empty() ? "" : " ") + ring.name;
  if (report.clock)
    text += std::string("; clock ") + (report.clock->synchronised ? "" : "not ") + "synchronised";
  return app::status_line("SYNCMON", state, names + ": " + text, data);
}

std::string json_lines(const Report& report, std::int64_t wall_ns) {
  std::string lines;
  for (const Comparison& item : report.comparisons)
    lines +=
        json_of(report, item, wall_ns).dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
  return lines;
}

std::string prometheus_text(const Report& report, std::int64_t wall_ns) {
  std::string out;
  const auto family = [&](const std::string& name, const std::string& help, auto&& value) {
    std::string samples;
    for (const Comparison& item : report.comparisons) {
      const std::optional<double> number = value(item);
      if (!number) continue;
      samples += "camring_syncmon_" + name + "{tool=\"syncmon\",ring=\"" +
                 app::prometheus_label(report.rings[item.second].name) + "\",against=\"" +
                 app::prometheus_label(report.rings[item.first].name) + "\"} " + app::short_number(*number) +
                 "\n";
    }
    if (!samples.empty()) out += app::prometheus_head("camring_syncmon_" + name, help) + samples;
  };
  const auto metric = [](Metric which, double scale) {
    return [which, scale](const Comparison& item) -> std::optional<double> {
      const auto value = value_of(which, item.reading);
      return value ? std::optional(*value * scale) : std::nullopt;
    };
  };
  family("state", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.",
         [](const Comparison& item) { return std::optional(static_cast<double>(item.verdict.state)); });
  family("offset_seconds", "Median offset; positive: the ring is later than `against`.",
         metric(Metric::offset, 1e-3));
  family("offset_p95_seconds", "95 of 100 offsets are within.", metric(Metric::p95, 1e-3));
  family("offset_max_seconds", "The largest offset.", metric(Metric::max, 1e-3));
  family("jitter_seconds", "Median distance of offsets from their median.", metric(Metric::jitter, 1e-3));
  family("drift_ratio", "How fast the offset grows.", metric(Metric::drift, 1e-6));
  family("missing_ratio", "Frames without a partner.", metric(Metric::missing, 1e-2));
  family("violations", "Pairs beyond the tolerance in the window.", metric(Metric::violations, 1));
  const auto alone = [&](const std::string& name, const std::string& help, const std::string& value) {
    out += app::prometheus_head("camring_syncmon_" + name, help) + "camring_syncmon_" + name +
           "{tool=\"syncmon\"} " + value + "\n";
  };
  alone("time_seconds", "When the rings were compared, since the epoch.",
        std::to_string(wall_ns / 1'000'000'000));
  if (report.clock)
    alone("clock_synchronised", "Whether something keeps this machine's clock.",
          report.clock->synchronised ? "1" : "0");
  return out;
}

std::string matrix_text(const Report& report) {
  const std::size_t count = report.rings.size();
  std::vector<std::vector<std::string>> cells(count + 1, std::vector<std::string>(count + 1, "-"));
  cells[0][0] = "ms";
  for (std::size_t i = 0; i < count; ++i) cells[0][i + 1] = cells[i + 1][0] = report.rings[i].name;
  for (std::size_t i = 0; i < count; ++i) cells[i + 1][i + 1] = "0";
  for (const Comparison& item : report.comparisons) {
    if (item.reading.estimate.pairs == 0) continue;
    const double value = ms(item.reading.estimate.p50_ns);
    cells[item.first + 1][item.second + 1] = app::short_number(value);
    cells[item.second + 1][item.first + 1] = app::short_number(-value);
  }
  std::string out;
  for (const auto& row : cells) {
    std::string line;
    for (std::size_t column = 0; column <= count; ++column) {
      std::size_t width = 0;
      for (const auto& other : cells) width = std::max(width, other[column].size());
      line += row[column];
      if (column < count) line.append(width - row[column].size() + 2, ' ');
    }
    out += line + "\n";
  }
  return out;
}

std::string unknown_line(const std::string& reason) {
  return app::status_line("SYNCMON", State::unknown, reason);
}

}  // namespace camring::syncmon
