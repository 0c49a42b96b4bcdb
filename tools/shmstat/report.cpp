#include "report.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "base/clock.h"

namespace camring::shmstat {
namespace {

using Row = std::vector<std::string>;

std::string fixed(double value, int digits) {
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(), "%.*f", digits, value);
  return text.data();
}

std::string age_text(std::int64_t ns) {
  const double ms = static_cast<double>(ns) * 1e-6;
  if (ms < 1000) return fixed(ms, ms < 10 ? 1 : 0) + " ms";
  if (ms < 120'000) return fixed(ms / 1000, 1) + " s";
  return fixed(ms / 60'000, 0) + " min";
}

std::string format_text(const FrameFormat& format) {
  if (format.codec == Codec::none) return "-";
  std::string text(to_string(format.codec == Codec::raw ? Codec::none : format.codec));
  if (format.codec == Codec::raw) text = to_string(format.pixel_format);
  return text + " " + to_string(format.size);
}

Row row_of(const RingStatus& ring) {
  const bool known = ring.format.codec != Codec::none;
  Row row{ring.name, format_text(ring.format)};
  row.push_back(known && ring.measured_fps > 0 ? fixed(ring.measured_fps, 1) : "-");
  row.push_back(ring.age_ns ? age_text(*ring.age_ns) : "-");
  row.emplace_back(to_string(ring.state));
  row.push_back(known ? std::to_string(ring.head) : "-");
  row.push_back(known ? std::to_string(ring.held) : "-");
  row.push_back(
      known && ring.arena_bytes != 0
          ? fixed(100.0 * static_cast<double>(ring.used_bytes) / static_cast<double>(ring.arena_bytes), 0) +
                "%"
          : "-");
  row.push_back(ring.file_bytes != 0 ? bytes_text(ring.file_bytes) : "-");
  row.push_back(ring.writer_pid != 0 ? std::to_string(ring.writer_pid) + " " + ring.writer : "-");
  row.push_back(ring.consumers ? std::to_string(ring.consumers->size()) : "-");
  return row;
}

void align(std::string& out, const std::vector<Row>& rows, const std::vector<std::string>& below) {
  std::vector<std::size_t> widths(rows.front().size(), 0);
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (std::size_t r = 0; r < rows.size(); ++r) {
    std::string line;
    for (std::size_t i = 0; i < rows[r].size(); ++i) {
      line += rows[r][i];
      if (i + 1 < rows[r].size()) line.append(widths[i] - rows[r][i].size() + 2, ' ');
    }
    out += line + "\n" + below[r];
  }
}

std::string details(const RingStatus& ring) {
  std::string text;
  if (!ring.problem.empty()) text += "    " + ring.problem + "\n";
  if (ring.state == WriterState::dead) {
    text += "    its writer died; 'shmstat --remove " + ring.name + "' removes what it left\n";
  }
  if (!ring.source.empty()) text += "    from " + ring.source + "\n";
  if (ring.correction) {
    text += "    to be delayed by " + fixed(static_cast<double>(ring.correction->delay_ns) * 1e-6, 1) +
            " ms to meet " + ring.correction->against + ", said " + age_text(ring.correction->age_ns) +
            " ago\n";
  }
  if (!ring.consumers) return text;
  const std::int64_t now = monotonic_ns();
  for (const Consumer& consumer : *ring.consumers) {
    text += "    -> " + std::to_string(consumer.pid) + " " + consumer.command;
    if (!consumer.label.empty() && consumer.label != consumer.command) text += " (" + consumer.label + ")";
    text += ", connected " + age_text(now - consumer.connected_ns) + ", took " +
            std::to_string(consumer.seen) + ", missed " + std::to_string(consumer.missed) + "\n";
  }
  return text;
}

}  // namespace

std::string table(const std::vector<RingStatus>& rings) {
  std::vector<Row> rows{
      {"RING", "FORMAT", "FPS", "AGE", "STATE", "FRAMES", "HELD", "FILL", "SIZE", "WRITER", "CONSUMERS"}};
  std::vector<std::string> below{""};
  for (const RingStatus& ring : rings) {
    rows.push_back(row_of(ring));
    below.push_back(details(ring));
  }
  std::string out;
  align(out, rows, below);
  return out;
}

std::string json_line(const RingStatus& ring) {
  using nlohmann::ordered_json;
  const bool known = ring.format.codec != Codec::none;
  const auto ms = [](std::int64_t ns) { return static_cast<double>(ns) * 1e-6; };
  ordered_json json{
      {"name", ring.name},
      {"codec", known ? ordered_json(std::string(to_string(ring.format.codec))) : ordered_json(nullptr)},
      {"pixel_format", ring.format.codec == Codec::raw
                           ? ordered_json(std::string(to_string(ring.format.pixel_format)))
                           : ordered_json(nullptr)},
      {"width", ring.format.size.width},
      {"height", ring.format.size.height},
      {"fps", ring.measured_fps},
      {"nominal_fps", ring.format.rate.fps()},
      {"age_ms", ring.age_ns ? ordered_json(ms(*ring.age_ns)) : ordered_json(nullptr)},
      {"publish_age_ms",
       ring.publish_age_ns ? ordered_json(ms(*ring.publish_age_ns)) : ordered_json(nullptr)},
      {"state", std::string(to_string(ring.state))},
      {"head", ring.head},
      {"held", ring.held},
      {"depth", ring.depth},
      {"epoch", ring.epoch},
      {"arena_bytes", ring.arena_bytes},
      {"used_bytes", ring.used_bytes},
      {"file_bytes", ring.file_bytes},
      {"writer_pid", ring.writer_pid},
      {"writer", ring.writer},
      {"source", ring.source},
      {"problem", ring.problem.empty() ? ordered_json(nullptr) : ordered_json(ring.problem)}};
  json["consumers"] = nullptr;
  if (ring.consumers) {
    const std::int64_t now = monotonic_ns();
    ordered_json list = ordered_json::array();
    for (const Consumer& consumer : *ring.consumers) {
      list.push_back({{"pid", consumer.pid},
                      {"uid", consumer.uid},
                      {"command", consumer.command},
                      {"label", consumer.label},
                      {"seen", consumer.seen},
                      {"missed", consumer.missed},
                      {"connected_ms", ms(now - consumer.connected_ns)}});
    }
    json["consumers"] = std::move(list);
  }
  json["correction"] = nullptr;
  if (ring.correction) {
    json["correction"] = {{"delay_ms", ms(ring.correction->delay_ns)},
                          {"against", ring.correction->against},
                          {"age_ms", ms(ring.correction->age_ns)}};
  }
  return json.dump(-1, ' ', false, ordered_json::error_handler_t::replace);
}

}  // namespace camring::shmstat
