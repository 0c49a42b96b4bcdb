#include "report.h"

#include <nlohmann/json.hpp>

namespace camring::framecheck {
namespace {

using app::short_number;

std::string limit_text(const std::map<Metric, app::Range>& ranges, Metric metric) {
  const auto found = ranges.find(metric);
  return found == ranges.end() ? "" : to_string(found->second);
}

std::string summary(const Report& report) {
  const Values& values = report.reading.values;
  std::string text = "picture " + to_string(report.reading.size);
  if (const auto& fps = values[Metric::fps]) text += " at " + short_number(*fps) + " fps";
  for (const Metric metric : {Metric::score, Metric::sharpness, Metric::brightness, Metric::noise}) {
    if (const auto& value = values[metric])
      text += std::string(", ") + info_of(metric).name + " " + short_number(*value);
  }
  return text;
}

}  // namespace

std::string plugin_line(const Report& report) {
  const std::string reasons = report.verdict.text();
  std::string data;
  for (const MetricInfo& info : metric_table()) {
    const auto& value = report.reading.values[info.metric];
    if (!value) continue;
    data += (data.empty() ? "" : " ") + std::string(info.name) + "=" + short_number(*value) + info.unit +
            ";" + limit_text(report.limits.warning, info.metric) + ";" +
            limit_text(report.limits.critical, info.metric);
  }
  return app::status_line("FRAMECHECK", report.verdict.state,
                          report.subject + ": " + (reasons.empty() ? summary(report) : reasons), data);
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
  const std::string labels = "{tool=\"framecheck\",ring=\"" + app::prometheus_label(report.subject) + "\"";
  std::string out;
  const auto gauge = [&](const std::string& name, const std::string& help, const std::string& more,
                         const std::string& value) {
    const std::string full = "camring_framecheck_" + name;
    out += app::prometheus_head(full, help) + full + labels + more + "} " + value + "\n";
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
          "See framecheck(1).", "", short_number(percent ? *value / 100 : *value));
  }
  if (report.verdict.reasons.empty()) return out;
  out += app::prometheus_head("camring_framecheck_failed", "Checks that failed.");
  for (const Reason& reason : report.verdict.reasons)
    out += "camring_framecheck_failed" + labels + ",check=\"" + reason.check + "\"} 1\n";
  return out;
}

std::string unknown_line(const std::string& reason) {
  return app::status_line("FRAMECHECK", State::unknown, reason);
}

}  // namespace camring::framecheck
