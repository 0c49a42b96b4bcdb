#include <cstdlib>
#include <fstream>

#include "base/error.h"
#include "catch.h"
#include "net/auth.h"
#include "net/channel.h"

using namespace camring;
using namespace camring::net;

namespace {

struct Listener final : Subscriber {
  explicit Listener(Channel& where) : channel(where) { channel.add(this); }
  void wake() override {
    ++woken;
    if (leaves) channel.remove(this);
  }
  Channel& channel;
  int woken = 0;
  bool leaves = false;
};

std::string password_file(const std::string& text) {
  std::string path = "/tmp/camring-passwords-XXXXXX";
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  std::ofstream(path) << text;
  return path;
}

}  // namespace

TEST_CASE("a channel wakes everybody once, also when some leave meanwhile") {
  Channel channel;
  Listener a(channel), b(channel), c(channel);
  b.leaves = true;
  channel.publish(std::make_shared<Chunk>());
  CHECK((a.woken == 1 && b.woken == 1 && c.woken == 1));
  CHECK(channel.subscribers() == 2);
  channel.publish(std::make_shared<Chunk>());
  CHECK((a.woken == 2 && b.woken == 1 && c.woken == 2));
  CHECK(channel.latest()->sequence == 2);
  channel.remove(&b);  // once more does nothing
  CHECK(channel.subscribers() == 2);
}

TEST_CASE("a password file checks plain and hashed passwords and remembers who was right") {
  // openssl passwd -6 -salt abcdefgh secret
  const std::string hash =
      "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";
  const std::string path = password_file("# people\n\na:b\nx:" + hash + "\n");
  PasswordFile passwords(path);
  const std::string ab = "Basic YTpi";
  CHECK_FALSE(passwords.known(ab));
  CHECK(passwords.check(ab) == "a");
  CHECK(passwords.known(ab) == "a");
  CHECK(passwords.check("Basic eDpzZWNyZXQ=") == "x");  // x:secret
  CHECK_FALSE(passwords.check("Basic eDpTZWNyZXQ="));   // x:Secret
  CHECK_FALSE(passwords.check("Basic YTpj"));           // a:c
  CHECK_FALSE(passwords.check("Basic Yjpi"));           // b:b
  CHECK_FALSE(passwords.check("Basic KjoqCg"));         // *:*
  CHECK_FALSE(passwords.check("nonsense"));
  std::ofstream(path) << "new:person\n";
  passwords.reload();
  CHECK_FALSE(passwords.known(ab));
  CHECK_FALSE(passwords.check(ab));
  std::ofstream(path) << "no colon here\n";
  CHECK_THROWS_AS(passwords.reload(), Error);
  CHECK(passwords.check("Basic bmV3OnBlcnNvbg==") == "new");  // what was known stays
  ::unlink(path.c_str());
  CHECK_THROWS_AS(PasswordFile("/nonexistent"), Error);
}
