// The life cycle of tools, in children, since it sets up signals and ends with exit codes.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <fstream>
#include <string>
#include <vector>

#include "app/options.h"
#include "app/tool.h"
#include "catch.h"

using namespace camring;
using namespace camring::app;

namespace {

class Probe : public Tool {
 public:
  [[nodiscard]] const ToolInfo& info() const override {
    static constexpr ToolInfo kInfo{"probe", "tests the house", "  probe a b\n"};
    return kInfo;
  }
  void options(CLI::App& cli) override {
    cli.add_option("ring,--ring", ring_, "The ring");
    add_duration(cli, "--max-lag", lag_, "Lag");
    cli.add_option("--out", out_, "Outputs");
  }
  void check() override {
    if (ring_ == "bad") throw Error(ExitCode::usage, "use ring name", ring_, "bad by name");
  }
  ExitCode run(Context&) override {
    if (ring_ == "crash") throw std::logic_error("a bug");
    if (ring_ == "full") throw std::bad_alloc();
    std::string text = ring_ + " " + duration_text(lag_);
    for (const auto& out : out_) text += " " + out;
    std::puts(text.c_str());
    return ExitCode::ok;
  }

 private:
  std::string ring_;
  std::chrono::nanoseconds lag_{std::chrono::milliseconds(500)};
  std::vector<std::string> out_;
};

struct Outcome {
  int code = 0;
  std::string out, err;
};

std::string drain(int fd) {
  std::string text;
  std::array<char, 4096> buffer{};
  for (ssize_t n = 0; (n = ::read(fd, buffer.data(), buffer.size())) > 0;) {
    text.append(buffer.data(), static_cast<std::size_t>(n));
  }
  ::close(fd);
  return text;
}

Outcome probe(std::vector<std::string> arguments,
              const std::vector<std::pair<const char*, const char*>>& env = {}) {
  std::array<int, 2> out{}, err{};
  REQUIRE(::pipe(out.data()) == 0);
  REQUIRE(::pipe(err.data()) == 0);
  const pid_t child = ::fork();
  if (child == 0) {
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    for (const auto& [key, value] : env) ::setenv(key, value, 1);
    arguments.insert(arguments.begin(), "probe");
    std::vector<char*> argv;
    for (auto& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    const int code = run<Probe>(static_cast<int>(arguments.size()), argv.data());
    std::fflush(nullptr);
    ::_exit(code);
  }
  ::close(out[1]);
  ::close(err[1]);
  Outcome outcome;
  outcome.out = drain(out[0]);
  outcome.err = drain(err[0]);
  int status = 0;
  ::waitpid(child, &status, 0);
  outcome.code = WEXITSTATUS(status);
  return outcome;
}

std::string config_file(const std::string& text) {
  std::string path = "/tmp/camring-config-XXXXXX";
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  REQUIRE(::write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()));
  ::close(fd);
  return path;
}

}  // namespace

TEST_CASE("command line beats environment beats file beats default") {
  const std::string file = config_file(
      "max-lag = \"1s\"\nring = \"file\"\n[other]\nnonsense = 1\n[probe]\nout = [\"a\", \"b\"]\n");
  CHECK(probe({"cam0"}).out == "cam0 500ms\n");
  CHECK(probe({"--config", file}).out == "file 1s a b\n");
  CHECK(probe({"--config", file}, {{"CAMRING_MAX_LAG", "2s"}}).out == "file 2s a b\n");
  CHECK(probe({"--config", file, "--max-lag", "3s", "cam0"}, {{"CAMRING_MAX_LAG", "2s"}}).out ==
        "cam0 3s a b\n");
  CHECK(probe({"x"}, {{"CAMRING_CONFIG", file.c_str()}, {"CAMRING_OUT", "p q"}}).out == "x 1s p q\n");
  ::unlink(file.c_str());
}

TEST_CASE("what is wrong in a configuration ends with 78, on the command line with 64") {
  const std::string unknown = config_file("max-lags = \"1s\"\n");
  const std::string bad = config_file("max-lag = \"1\"\n");
  Outcome outcome = probe({"--config", unknown});
  CHECK(outcome.code == 78);
  CHECK(outcome.err.find("unknown key 'max-lags'") != std::string::npos);
  CHECK(probe({"--config", bad}).code == 78);
  CHECK(probe({"--config", "/nonexistent.toml"}).code == 78);
  CHECK(probe({}, {{"CAMRING_MAX_LAG", "7"}}).code == 78);
  outcome = probe({"--max-lag", "7"});
  CHECK(outcome.code == 64);
  CHECK(outcome.err.find("200ms") != std::string::npos);
  CHECK(std::count(outcome.err.begin(), outcome.err.end(), '\n') == 1);
  CHECK(probe({"--nonsense"}).code == 64);
  ::unlink(unknown.c_str());
  ::unlink(bad.c_str());
}

TEST_CASE("failures map to exit codes and one line on stderr") {
  CHECK(probe({"bad"}).code == 64);
  CHECK(probe({"bad"}).err == "probe: use ring name: bad: bad by name\n");
  CHECK(probe({"crash"}).code == 70);
  CHECK(probe({"full"}).code == 71);
  CHECK(probe({"bad", "--check-config"}).code == 64);
  CHECK(probe({"good", "--check-config"}).out == "the configuration is fine\n");
}

TEST_CASE("help, version and the options in force go to stdout") {
  CHECK(probe({"--version"}).out.rfind("probe ", 0) == 0);
  const Outcome help = probe({"--help"});
  CHECK(help.code == 0);
  CHECK(help.out.find("--max-lag") != std::string::npos);
  CHECK(help.out.find("probe a b") != std::string::npos);
  CHECK(probe({"cam0", "--print-config"}).out.find("ring = \"cam0\"") != std::string::npos);
  CHECK(probe({"cam0", "--print-config"}).out.find("# max-lag = \"500ms\"") != std::string::npos);
}

TEST_CASE("messages can be JSON, one object a line") {
  const Outcome outcome = probe({"bad", "--log-format", "json"});
  CHECK(outcome.err.find("{\"time\":\"") == 0);
  CHECK(outcome.err.find("\"level\":\"error\",\"tool\":\"probe\"") != std::string::npos);
}
