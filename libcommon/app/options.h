// Options whose values carry units. Each wraps a parser of base/units.h, so that every tool refuses a bad
// value with the same words.
#pragma once

#include <chrono>
#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>

#include "base/units.h"

namespace camring::app {

/// An option that `parse` (std::string_view -> T, throwing std::invalid_argument) turns into `target`.
template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& cli, const std::string& names, T& target, Parse parse,
                        const std::string& help, const std::string& type) {
  CLI::Option* option = cli.add_option_function<std::string>(
      names,
      [&target, parse, names](const std::string& text) {
        try {
          target = parse(text);
        } catch (const std::invalid_argument& error) {
          throw CLI::ValidationError(names, error.what());
        }
      },
      help);
  return option->type_name(type);
}

inline CLI::Option* add_duration(CLI::App& cli, const std::string& names, std::chrono::nanoseconds& target,
                                 const std::string& help) {
  return add_parsed(cli, names, target, parse_duration, help, "TIME")->default_str(duration_text(target));
}
inline CLI::Option* add_duration(CLI::App& cli, const std::string& names,
                                 std::optional<std::chrono::nanoseconds>& target, const std::string& help) {
  return add_parsed(cli, names, target, parse_duration, help, "TIME");
}
inline CLI::Option* add_size(CLI::App& cli, const std::string& names, std::optional<Size>& target,
                             const std::string& help) {
  return add_parsed(cli, names, target, parse_size, help, "WxH");
}
inline CLI::Option* add_rate(CLI::App& cli, const std::string& names, std::optional<Rate>& target,
                             const std::string& help) {
  return add_parsed(cli, names, target, parse_rate, help, "FPS");
}
inline CLI::Option* add_bytes(CLI::App& cli, const std::string& names, std::uint64_t& target,
                              const std::string& help) {
  return add_parsed(cli, names, target, parse_bytes, help, "BYTES");
}
/// A whole number within [min, max].
template <class T>
CLI::Option* add_int(CLI::App& cli, const std::string& names, T& target, std::int64_t min, std::int64_t max,
                     const std::string& help) {
  return add_parsed(
      cli, names, target,
      [min, max](std::string_view text) { return static_cast<T>(parse_int(text, min, max)); }, help, "N");
}

}  // namespace camring::app
