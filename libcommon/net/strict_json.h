// JSON from others, where a name that appears twice would let two readers see two different things
// (RFC 8259, section 4; RFC 8725, section 2.4).
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace camring::net {

/// An object as text. Empty for anything else, for bad UTF-8 and for one with the same name twice, at any
/// depth. Any text may come in; any thread.
[[nodiscard]] inline std::optional<nlohmann::json> parse_strict_object(std::string_view text) {
  using nlohmann::json;
  // Never legal, and the end for this parser: what follows would be seen by other readers alone.
  if (text.find('\0') != std::string_view::npos) return std::nullopt;
  std::vector<std::set<std::string>> names;
  bool twice = false;
  const json::parser_callback_t watch = [&](int, json::parse_event_t event, json& parsed) {
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second) {
      twice = true;
    }
    return true;
  };
  json value = json::parse(text.begin(), text.end(), watch, false);
  if (twice || !value.is_object()) return std::nullopt;
  return value;
}

}  // namespace camring::net
