// Where else than on the command line option values come from: the environment and a TOML file. Both are
// turned into arguments, so that every value meets the same parser and the same refusals.
#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

namespace camring::app {

/// The environment variable of an option: "--max-lag" is CAMRING_MAX_LAG. Empty for options without a long
/// name.
[[nodiscard]] std::string environment_name(const CLI::Option& option);

/// Arguments for the options that the command line just parsed by `cli` did not give.
/// Keys of `config_path` (may be empty) stand at its top or in the section [tool]; other tools' sections are
/// ignored.
/// @throws Error (config): no such file, not TOML, unknown key.
[[nodiscard]] std::vector<std::string> arguments_from_elsewhere(const CLI::App& cli, const std::string& tool,
                                                                const std::string& config_path);

/// The values in force as a TOML file; options at their default as comments.
[[nodiscard]] std::string effective_config(const CLI::App& cli);

/// True for options that the file and the environment may set: all but help, version and the like.
[[nodiscard]] bool is_setting(const CLI::Option& option);

}  // namespace camring::app
