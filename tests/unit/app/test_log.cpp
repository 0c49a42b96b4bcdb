#include <unistd.h>

#include <array>
#include <string>

#include "app/log.h"
#include "catch.h"

using namespace camring::app;

namespace {

// What `act` writes to stderr.
template <class Act>
std::string stderr_of(Act act) {
  std::array<int, 2> pipe{};
  REQUIRE(::pipe(pipe.data()) == 0);
  const int before = ::dup(STDERR_FILENO);
  ::dup2(pipe[1], STDERR_FILENO);
  act();
  ::dup2(before, STDERR_FILENO);
  ::close(before);
  ::close(pipe[1]);
  std::array<char, 4096> text{};
  const ssize_t size = ::read(pipe[0], text.data(), text.size());  // a pipe holds more than this
  ::close(pipe[0]);
  return {text.data(), static_cast<std::size_t>(size > 0 ? size : 0)};
}

}  // namespace

TEST_CASE("a fault that is looked at often is told once, and its end without a number of looks") {
  log_setup("probe", LogLevel::info, LogFormat::text);
  RepeatingFault fault;
  const std::string text = stderr_of([&] {
    fault.clear("all is well");  // there was none: says nothing
    for (int i = 0; i < 85; ++i) fault.report("no signal");
    fault.clear("all is well");
    fault.clear("all is well");
    fault.report("no signal");
  });
  CHECK(text == "probe: no signal\nprobe: all is well\nprobe: no signal\n");
  CHECK(fault.count() == 86);
}

TEST_CASE("another fault is told though the one before lasts") {
  log_setup("probe", LogLevel::info, LogFormat::text);
  RepeatingFault fault;
  const std::string text = stderr_of([&] {
    fault.report("no signal");
    fault.report("no device");
    fault.report("no device");
  });
  CHECK(text == "probe: no signal\nprobe: no device\n");
}
