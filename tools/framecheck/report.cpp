#include "report.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace camring::framecheck {
namespace {

// Four digits, and no exponent, which perfdata does not know.
std::string number(double value) {
  const int whole = value == 0 ? 1 : static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  std::array<char, 340> text{};
  std::snprintf(text.data(), text.size(), "%.*f", std::clamp(4 - whole, 0, 6), value);
  std::string out = text.data();
  if (out.find('.') == std::string::npos) return out;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out;
}

// A bar begins perfdata, and the status is one line, whatever a file is called.
std::string plain(std::string text) {
  std::replace_if(
      text.begin(), text.end(), [](unsigned char c) { return c == '|' || c < ' '; }, ' ');
  return text;
}

std::string label(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string limit_text(const std::map<Metric, Range>& ranges, Metric metric) {
  const auto found = ranges.find(metric);
  return found == ranges.end() ? "" : to_string(found->second);
}

std::string summary(const Report& report) {
  const Values& values = report.reading.values;
  std::string text = "picture " + to_string(report.reading.size);
  if (const auto& fps = values[Metric::fps]) text += " at " + number(*fps) + " fps";
  for (const Metric metric : {Metric::score, Metric::sharpness, Metric::brightness, Metric::noise}) {
    if (const auto& value = values[metric])
      text += std::string(", ") + info_of(metric).name + " " + number(*value);
  }
  return text;
}

}  // namespace

std::string plugin_line(const Report& report) {
  std::string line =
      std::string("FRAMECHECK ") + to_string(report.verdict.state) + " - " + report.subject + ": ";
  std::string reasons;
  for (const Reason& reason : report.verdict.reasons) reasons += (reasons.empty() ? "" : "; ") + reason.text;
  line = plain(line + (reasons.empty() ? summary(report) : reasons));
  std::string data;
  for (const MetricInfo& info : metric_table()) {
    const auto& value = report.reading.values[info.metric];
    if (!value) continue;
    data += std::string(" ") + info.name + "=" + number(*value) + info.unit + ";" +
            limit_text(report.limits.warning, info.metric) + ";" +
            limit_text(report.limits.critical, info.metric);
  }
  if (!data.empty()) line += " |" + data;
  return line + "\n";
}

std::string json_line(const Report& report, std::int64_t wall_ns) {
  using nlohmann::ordered_json;
  ordered_json reasons = ordered_json::array();
  for (const Reason& reason : report.verdict.reasons)
    reasons.push_back({{"state", to_string(reason.state)}, {"check", reason.check}, {"text", reason.text}});
  ordered_json metrics = ordered_json::object();
  for (const MetricInfo& info : metric_table()) {
    const auto& value = report.reading.values[info.metric];
    const std::string unit = *info.unit == '%' ? "_percent" : *info.unit == 's' ? "_s" : "";
    metrics[info.name + unit] = value ? ordered_json(*value) : ordered_json(nullptr);
  }
  const ordered_json json{{"time_s", static_cast<double>(wall_ns) * 1e-9},
                          {"subject", report.subject},
                          {"state", to_string(report.verdict.state)},
                          {"frame", report.reading.frame_number},
                          {"pictures", report.reading.pictures},
                          {"width", report.reading.size.width},
                          {"height", report.reading.size.height},
                          {"equal_frames", report.reading.equal_frames},
                          {"reasons", std::move(reasons)},
                          {"metrics", std::move(metrics)}};
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n";
}

std::string prometheus_text(const Report& report, std::int64_t wall_ns) {
  const std::string labels = "{tool=\"framecheck\",ring=\"" + label(report.subject) + "\"";
  std::string out;
  const auto gauge = [&](const std::string& name, const std::string& help, const std::string& more,
                         const std::string& value) {
    out += "# HELP camring_framecheck_" + name + " " + help + "\n# TYPE camring_framecheck_" + name +
           " gauge\ncamring_framecheck_" + name + labels + more + "} " + value + "\n";
  };
  gauge("state", "0 OK, 1 WARNING, 2 CRITICAL, 3 UNKNOWN.", "",
        std::to_string(static_cast<int>(report.verdict.state)));
  gauge("time_seconds", "When the picture was checked, since the epoch.", "",
        std::to_string(wall_ns / 1'000'000'000));
  for (const MetricInfo& info : metric_table()) {
    const auto& value = report.reading.values[info.metric];
    if (!value) continue;
    const bool percent = *info.unit == '%';
    gauge(std::string(info.name) + (percent             ? "_ratio"
                                    : *info.unit == 's' ? "_seconds"
                                                        : ""),
          "See framecheck(1).", "", number(percent ? *value / 100 : *value));
  }
  if (report.verdict.reasons.empty()) return out;
  out += "# HELP camring_framecheck_failed Checks that failed.\n# TYPE camring_framecheck_failed gauge\n";
  for (const Reason& reason : report.verdict.reasons)
    out += "camring_framecheck_failed" + labels + ",check=\"" + reason.check + "\"} 1\n";
  return out;
}

std::string unknown_line(const std::string& reason) { return plain("FRAMECHECK UNKNOWN - " + reason) + "\n"; }

}  // namespace camring::framecheck
