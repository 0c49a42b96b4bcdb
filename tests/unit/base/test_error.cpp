#include <cerrno>

#include "base/error.h"
#include "base/unique_fd.h"
#include "catch.h"

#include <fcntl.h>
#include <unistd.h>

using namespace camring;

TEST_CASE("an error reads: action: object: reason; advice") {
  const Error error(ExitCode::no_input, "open ring", "cam0", "no such ring", "start camcap first");
  CHECK(std::string(error.what()) == "open ring: cam0: no such ring; start camcap first");
  CHECK(error.code() == ExitCode::no_input);
  CHECK(std::string(Error(ExitCode::usage, "a", "", "b").what()) == "a: b");
}

TEST_CASE("errno values map to exit codes") {
  CHECK(system_error(EACCES, "a", "b").code() == ExitCode::no_permission);
  CHECK(system_error(ENOENT, "a", "b").code() == ExitCode::no_input);
  CHECK(system_error(ENOMEM, "a", "b").code() == ExitCode::system);
  CHECK(system_error(EIO, "a", "b", "", ExitCode::data).code() == ExitCode::data);
}

TEST_CASE("a UniqueFd closes once and only what it owns") {
  int raw = -1;
  {
    UniqueFd fd(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    raw = fd.get();
    UniqueFd other(std::move(fd));
    CHECK_FALSE(fd);  // NOLINT(bugprone-use-after-move): that is the point
    CHECK(other.get() == raw);
    CHECK(::fcntl(raw, F_GETFD) >= 0);
  }
  CHECK(::fcntl(raw, F_GETFD) == -1);
}
