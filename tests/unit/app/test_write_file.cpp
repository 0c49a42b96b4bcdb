// Files that appear whole: over files, links and what lies in the way; and what is no file stays what it is.
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include "app/write_file.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "catch.h"

using camring::app::write_file;
namespace fs = std::filesystem;

namespace {

struct Place {
  Place() { REQUIRE(::mkdtemp(path.data()) != nullptr); }
  ~Place() { fs::remove_all(path); }
  [[nodiscard]] std::string of(const std::string& name) const { return path + "/" + name; }
  [[nodiscard]] std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(path), {}));
  }
  std::string path = "/tmp/camring-write-XXXXXX";
};

std::string content(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

const std::string kText = "camring_frames_total 3\n";

}  // namespace

TEST_CASE("write_file: a file is made, then replaced, and nothing is left beside it", "[app]") {
  const Place place;
  write_file(place.of("out"), std::string("old and longer than what comes"), "write metrics");
  write_file(place.of("out"), kText, "write metrics");
  CHECK(content(place.of("out")) == kText);
  CHECK(place.entries() == 1);
}

TEST_CASE("write_file: a link stays, and the file that it shows is replaced", "[app]") {
  const Place place;
  write_file(place.of("out"), std::string("old"), "write metrics");
  fs::create_symlink("out", place.of("link"));
  write_file(place.of("link"), kText, "write metrics");
  CHECK(fs::is_symlink(place.of("link")));
  CHECK(content(place.of("out")) == kText);
  CHECK(place.entries() == 2);
}

TEST_CASE("write_file: a link that waits under the temporary name is not followed", "[app]") {
  const Place place;
  write_file(place.of("precious"), std::string("precious"), "write metrics");
  fs::create_symlink("precious", place.of("out.part" + std::to_string(::getpid())));
  write_file(place.of("out"), kText, "write metrics");
  CHECK(content(place.of("precious")) == "precious");
  CHECK(content(place.of("out")) == kText);
}

TEST_CASE("write_file: a pipe gets the bytes and stays a pipe", "[app]") {
  const Place place;
  REQUIRE(::mkfifo(place.of("pipe").c_str(), 0600) == 0);
  const camring::UniqueFd reader(::open(place.of("pipe").c_str(), O_RDONLY | O_NONBLOCK));
  write_file(place.of("pipe"), kText, "write metrics");
  CHECK(fs::is_fifo(place.of("pipe")));
  std::string got(kText.size() + 1, ' ');
  CHECK(::read(reader.get(), got.data(), got.size()) == static_cast<ssize_t>(kText.size()));
  CHECK(got.starts_with(kText));
}

TEST_CASE("write_file: a pipe that nobody reads is no reason to wait", "[app]") {
  const Place place;
  REQUIRE(::mkfifo(place.of("pipe").c_str(), 0600) == 0);
  CHECK_THROWS_AS(write_file(place.of("pipe"), kText, "write metrics"), camring::Error);
  CHECK(fs::is_fifo(place.of("pipe")));
}

TEST_CASE("write_file: what can't be written says so and leaves nothing", "[app]") {
  const Place place;
  CHECK_THROWS_AS(write_file(place.of("nowhere/out"), kText, "write metrics"), camring::Error);
  CHECK_THROWS_AS(write_file(place.path, kText, "write metrics"), camring::Error);
  CHECK_THROWS_AS(write_file("/dev/full", kText, "write metrics"), camring::Error);
  CHECK(fs::is_character_file("/dev/full"));
  CHECK(place.entries() == 0);
}
