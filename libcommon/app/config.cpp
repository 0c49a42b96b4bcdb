#include "app/config.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstdlib>
#include <sstream>
#include <string_view>

#include "base/error.h"

namespace camring::app {
namespace {

std::string long_name(const CLI::Option& option) {
  const auto& names = option.get_lnames();
  return names.empty() ? std::string() : names.front();
}

bool takes_many(const CLI::Option& option) { return option.get_items_expected_max() > 1; }

void append(std::vector<std::string>& arguments, const CLI::Option& option,
            const std::vector<std::string>& values) {
  for (const std::string& value : values) arguments.push_back("--" + long_name(option) + "=" + value);
}

std::vector<CLI::ConfigItem> read_config(const std::string& path) {
  try {
    return CLI::ConfigBase().from_file(path);
  } catch (const CLI::FileError&) {
    throw Error(ExitCode::config, "read configuration", path, "no such file, or not readable",
                "name a TOML file of lines like: size = \"1280x720\"");
  } catch (const CLI::Error& error) {
    throw Error(ExitCode::config, "read configuration", path, error.what(),
                "write lines like: size = \"1280x720\"");
  }
}

const CLI::Option* find(const CLI::App& cli, const std::string& name) {
  for (const CLI::Option* option : cli.get_options()) {
    if (is_setting(*option) && long_name(*option) == name) return option;
  }
  return nullptr;
}

std::string quoted(const std::string& value) {
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

}  // namespace

bool is_setting(const CLI::Option& option) {
  static constexpr std::array<std::string_view, 6> kNot{"help",         "version",      "config",
                                                        "check-config", "print-config", ""};
  return std::find(kNot.begin(), kNot.end(), long_name(option)) == kNot.end();
}

std::string environment_name(const CLI::Option& option) {
  const std::string name = long_name(option);
  if (name.empty()) return {};
  std::string variable = "CAMRING_";
  for (const char c : name) {
    variable += c == '-' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return variable;
}

std::vector<std::string> arguments_from_elsewhere(const CLI::App& cli, const std::string& tool,
                                                  const std::string& config_path) {
  std::vector<std::string> arguments;
  std::vector<const CLI::Option*> given;
  for (const CLI::Option* option : cli.get_options()) {
    if (!is_setting(*option)) continue;
    if (option->count() > 0) {
      given.push_back(option);
      continue;
    }
    const char* value = std::getenv(environment_name(*option).c_str());  // NOLINT(concurrency-mt-unsafe)
    if (value == nullptr || *value == '\0') continue;
    std::vector<std::string> values{value};
    if (takes_many(*option)) {
      std::istringstream words(value);
      values.clear();
      for (std::string word; words >> word;) values.push_back(word);
    }
    append(arguments, *option, values);
    given.push_back(option);
  }
  if (config_path.empty()) return arguments;

  for (const CLI::ConfigItem& item : read_config(config_path)) {
    if (item.name == "++" || item.name == "--") continue;  // CLI11's marks of a section's begin and end
    if (!item.parents.empty() && (item.parents.size() > 1 || item.parents.front() != tool)) continue;
    const CLI::Option* option = find(cli, item.name);
    if (option == nullptr) {
      throw Error(ExitCode::config, "read configuration", config_path, "unknown key '" + item.name + "'",
                  "keys are named as the options of '" + tool + " --help', without the dashes");
    }
    if (std::find(given.begin(), given.end(), option) == given.end()) append(arguments, *option, item.inputs);
  }
  return arguments;
}

std::string effective_config(const CLI::App& cli) {
  std::string out;
  for (const CLI::Option* option : cli.get_options()) {
    if (!is_setting(*option)) continue;
    const std::string name = long_name(*option);
    if (option->count() == 0) {
      const std::string standard = option->get_default_str();
      out += "# " + name + " = " + (standard.empty() ? "(unset)" : quoted(standard)) + "\n";
    } else if (takes_many(*option)) {
      std::string list;
      for (const std::string& value : option->results()) list += (list.empty() ? "" : ", ") + quoted(value);
      out += name + " = [" + list + "]\n";
    } else {
      out += name + " = " + quoted(option->results().back()) + "\n";
    }
  }
  return out;
}

}  // namespace camring::app
