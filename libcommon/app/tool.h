// The one life cycle of all tools: options, configuration, environment, signals, the catch ladder, exit
// codes.
#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "app/log.h"
#include "app/metrics.h"
#include "app/notify.h"
#include "app/stop.h"
#include "base/error.h"

namespace camring::app {

struct ToolInfo {
  const char* name;      ///< "camcap"
  const char* summary;   ///< one line for --help and the man page
  const char* examples;  ///< shown under --help; lines of two-space indented commands
};

/// What a running tool gets.
struct Context {
  Stop& stop;
  Notify& notify;
  Metrics& metrics;
};

/// A tool: declares options, checks them, runs. The object's members are its options' values.
///
/// The house adds to every tool: -h --help, -V --version, -v --verbose, -q --quiet, --log-level,
/// --log-format, --config,
/// --check-config, --print-config. Every option of the tool is also a key of the configuration file (TOML:
/// `key = value` at the top or in a section named after the tool) and an environment variable
/// CAMRING_<OPTION>, upper case with _ for
/// -. Precedence: command line, environment, file, default. Give positionals a long name too ("ring,--ring")
/// and they can come from there as well.
class Tool {
 public:
  virtual ~Tool() = default;
  [[nodiscard]] virtual const ToolInfo& info() const = 0;
  /// Declares the options. Called once, before parsing. Don't use CLI11's required(): check() can say more.
  virtual void options(CLI::App& cli) = 0;
  /// Looks at the values together; touches nothing outside. @throws Error (usage) with one specific line.
  virtual void check() = 0;
  /// Does the work until it is done or context.stop is requested. May throw Error.
  virtual ExitCode run(Context& context) = 0;
};

/// Parses, checks and runs; maps every failure to one line on stderr and an exit code. For main() alone.
int run_tool(Tool& tool, int argc, char** argv);

/// `int main(int argc, char** argv) { return camring::app::run<Camcap>(argc, argv); }`
template <class T>
int run(int argc, char** argv) {
  T tool;
  return run_tool(tool, argc, argv);
}

}  // namespace camring::app
