#include "shmstat.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "app/log.h"
#include "app/options.h"
#include "report.h"
#include "ring/ring_name.h"

namespace camring::shmstat {

const app::ToolInfo& Shmstat::info() const {
  static constexpr app::ToolInfo kInfo{"shmstat",
                                       "shows the rings of this machine, their writers and consumers",
                                       "  shmstat\n"
                                       "  shmstat cam0 --watch\n"
                                       "  shmstat --json | jq -r 'select(.age_ms > 1000) | .name'\n"
                                       "  shmstat --remove\n"};
  return kInfo;
}

void Shmstat::options(CLI::App& cli) {
  cli.add_option("ring,--ring", rings_, "Only these rings")->type_name("RING");
  cli.add_flag("--json", json_, "One JSON object a ring and line");
  cli.add_flag("-w,--watch", watch_, "Show them again and again");
  app::add_duration(cli, "--interval", interval_, "How often --watch shows them [1s]");
  cli.add_flag("--remove", remove_, "Remove what dead writers left behind");
}

void Shmstat::check() {
  for (const std::string& ring : rings_) check_ring_name(ring);
  if (remove_ && (watch_ || json_)) {
    throw Error(ExitCode::usage, "read options", "--remove", "it goes with neither --watch nor --json");
  }
  if (interval_ && !watch_) {
    throw Error(ExitCode::usage, "read options", "--interval", "there is nothing to repeat", "add --watch");
  }
  if (interval_ && *interval_ < std::chrono::milliseconds(50)) {
    throw Error(ExitCode::usage, "read options", "--interval", "at most 20 times a second",
                "e.g. --interval 1s");
  }
}

std::vector<RingStatus> Shmstat::look(bool again) const {
  if (rings_.empty()) return list_rings(true);
  std::vector<RingStatus> list;
  for (const std::string& ring : rings_) {
    try {
      list.push_back(ring_status(ring, true));
    } catch (const Error& error) {
      if (!again || error.code() != ExitCode::no_input) throw;
      list.emplace_back();  // it may come back while it is watched
      list.back().name = ring;
    }
  }
  return list;
}

void Shmstat::print(const std::vector<RingStatus>& rings, bool redraw) const {
  std::string out;
  if (json_) {
    for (const RingStatus& ring : rings) out += json_line(ring) + "\n";
  } else {
    if (redraw) out += "\033[H\033[2J";  // ECMA-48: cursor home, erase display
    out += rings.empty() ? "no rings in " + ring_directory() + "; camcap makes one: camcap test: cam0\n"
                         : table(rings);
  }
  // A reader that has gone is no fault; a disk that is full is.
  if ((std::fputs(out.c_str(), stdout) < 0 || std::fflush(stdout) != 0) && errno != EPIPE) {
    throw Error(ExitCode::system, "write", "stdout", errno_text(errno));
  }
}

ExitCode Shmstat::remove() const {
  std::vector<std::string> names = rings_, kept;
  std::error_code ignored;
  if (names.empty()) {
    for (const RingStatus& ring : list_rings(false)) {
      if (ring.state != WriterState::dead) continue;
      // What can't be read as a ring may be anybody's file: only who names it has it removed.
      const bool strange =
          !ring.problem.empty() && std::filesystem::exists(RingPaths(ring.name).ring, ignored);
      (strange ? kept : names).push_back(ring.name);
    }
  }
  for (const std::string& name : names) {
    if (remove_dead_ring(name)) {
      std::printf("removed %s\n", name.c_str());
    } else if (!rings_.empty()) {
      const RingStatus status = ring_status(name, false);
      throw Error(ExitCode::temporary, "remove ring", name,
                  "process " + std::to_string(status.writer_pid) + " writes it", "stop that process first");
    }
  }
  for (const std::string& name : kept) {
    app::log_warning("kept " + ring_directory() + "/camring." + name +
                     ", which can't be read as a ring; 'shmstat --remove " + name + "' removes it");
  }
  if (names.empty()) std::puts("nothing to remove: no ring has a dead writer");
  return ExitCode::ok;
}

ExitCode Shmstat::run(app::Context& context) {
  if (remove_) return remove();
  const bool redraw = watch_ && ::isatty(STDOUT_FILENO) == 1;
  bool again = false;
  do {
    print(look(again), redraw);
    again = true;
  } while (watch_ && std::ferror(stdout) == 0 &&
           !context.stop.wait_for(interval_.value_or(std::chrono::seconds(1))));
  return ExitCode::ok;
}

}  // namespace camring::shmstat
