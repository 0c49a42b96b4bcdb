#include "app/tool.h"

#include <algorithm>
#include <cerrno>

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <new>
#include <system_error>

#include "app/config.h"

namespace camring::app {
namespace {

struct HouseOptions {
  int verbose = 0;
  int quiet = 0;
  LogLevel level = LogLevel::info;
  LogFormat format = LogFormat::text;
  std::string config;
  bool check_config = false;
  bool print_config = false;
};

template <class T>
void add_choice(CLI::App& cli, const std::string& name, T& target, const std::map<std::string, T>& choices,
                const std::string& help, const std::string& type) {
  cli.add_option_function<std::string>(
         name,
         [&target, choices, name](const std::string& text) {
           const auto found = choices.find(text);
           if (found != choices.end()) {
             target = found->second;
             return;
           }
           std::string all;
           for (const auto& [key, value] : choices) all += (all.empty() ? "" : ", ") + key;
           throw CLI::ValidationError(name, "'" + text + "' is not one of " + all);
         },
         help)
      ->type_name(type);
}

void declare(CLI::App& cli, const ToolInfo& info, HouseOptions& house) {
  cli.description(std::string(info.name) + ": " + info.summary);
  cli.footer("Examples:\n" + std::string(info.examples));
  cli.set_help_flag("-h,--help", "Print this help and exit");
  cli.set_version_flag("-V,--version", std::string(info.name) + " " CAMRING_VERSION,
                       "Print the version and exit");
  cli.get_formatter()->column_width(34);
  cli.add_flag("-v,--verbose", house.verbose, "Say more");
  cli.add_flag("-q,--quiet", house.quiet, "Say less: warnings and errors; twice: errors only");
  add_choice<LogLevel>(cli, "--log-level", house.level,
                       {{"error", LogLevel::error},
                        {"warning", LogLevel::warning},
                        {"info", LogLevel::info},
                        {"debug", LogLevel::debug}},
                       "Messages to print: error, warning, info or debug [info]", "LEVEL");
  add_choice<LogFormat>(cli, "--log-format", house.format,
                        {{"text", LogFormat::text}, {"json", LogFormat::json}},
                        "Messages as text or json [text]", "FORMAT");
  cli.add_option("--config", house.config, "Read options from a TOML file")->type_name("FILE");
  cli.add_flag("--check-config", house.check_config, "Check options and configuration, then exit");
  cli.add_flag("--print-config", house.print_config, "Print the options in force as TOML, then exit");
}

// CLI11's own words, made one line with a way out.
[[noreturn]] void usage_error(const ToolInfo& info, const CLI::ParseError& error, ExitCode code,
                              const std::string& where) {
  throw Error(code, where, "", error.what(), "see '" + std::string(info.name) + " --help'");
}

void start_log(const ToolInfo& info, const HouseOptions& house) {
  const int level = std::max(0, std::min(3, static_cast<int>(house.level) + house.verbose - house.quiet));
  log_setup(info.name, static_cast<LogLevel>(level), house.format);
}

// Parses the command line, then adds what the environment and the file say of options that it left out.
void parse(CLI::App& cli, const ToolInfo& info, HouseOptions& house, int argc, char** argv) {
  try {
    cli.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    throw;
  } catch (const CLI::CallForVersion&) {
    throw;
  } catch (const CLI::ParseError& error) {
    usage_error(info, error, ExitCode::usage, "read options");
  }
  start_log(info, house);  // what goes wrong from here on is already said as ordered
  if (house.config.empty()) {
    if (const char* path = std::getenv("CAMRING_CONFIG"))
      house.config = path;  // NOLINT(concurrency-mt-unsafe)
  }
  const auto more = arguments_from_elsewhere(cli, info.name, house.config);
  if (more.empty()) return;
  std::vector<std::string> all(argv + 1, argv + argc);
  all.insert(all.begin(), more.begin(), more.end());
  std::reverse(all.begin(), all.end());  // CLI11 takes vectors from the back
  house.verbose = house.quiet = 0;
  try {
    cli.parse(all);
  } catch (const CLI::ParseError& error) {
    usage_error(info, error, ExitCode::config,
                "read options from the environment" + (house.config.empty() ? "" : " and " + house.config));
  }
}

ExitCode run_parsed(Tool& tool, CLI::App& cli, const HouseOptions& house) {
  start_log(tool.info(), house);
  if (house.print_config) {
    std::fputs(effective_config(cli).c_str(), stdout);
    return ExitCode::ok;
  }
  tool.check();
  if (house.check_config) {
    std::puts("the configuration is fine");
    return ExitCode::ok;
  }
  Stop stop;
  Notify notify;
  Metrics metrics(tool.info().name);
  Context context{stop, notify, metrics};
  const ExitCode code = tool.run(context);
  notify.stopping();
  return code;
}

}  // namespace

int run_tool(Tool& tool, int argc, char** argv) {
  const ToolInfo& info = tool.info();
  log_setup(info.name, LogLevel::info, LogFormat::text);
  CLI::App cli;
  HouseOptions house;
  ExitCode code = ExitCode::internal;
  try {
    tool.options(cli);
    declare(cli, info, house);
    parse(cli, info, house, argc, argv);
    code = run_parsed(tool, cli, house);
  } catch (const CLI::ParseError& asked) {  // --help and --version
    return cli.exit(asked);
  } catch (const Error& error) {
    log_error(error.what());
    code = error.code();
  } catch (const std::bad_alloc&) {
    log_error("allocate memory: the system refused; free some, or lower sizes and counts");
    code = ExitCode::system;
  } catch (const std::system_error& error) {
    log_error(error.what());
    code = ExitCode::system;
  } catch (const std::exception& error) {
    log_error(std::string("internal fault: ") + error.what() + "; please report it");
  }
  // A full disk behind a redirected stdout is noticed only here.
  if (std::fflush(stdout) != 0 && code == ExitCode::ok && errno != EPIPE) {
    log_error("write to stdout: " + errno_text(errno));
    code = ExitCode::system;
  }
  return static_cast<int>(code);
}

}  // namespace camring::app
