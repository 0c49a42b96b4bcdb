// What a check of a password costs, seen by counting the hashes: this program's crypt_r stands before the
// library's.
#include <crypt.h>
#include <dlfcn.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <string>

#include "base/error.h"
#include "catch.h"
#include "net/auth.h"

using namespace camring;
using namespace camring::net;

namespace {

std::atomic<int> g_hashes{0};

// openssl passwd -6 -salt abcdefgh secret
constexpr const char* kHash =
    "$6$abcdefgh$ltjgWl6579NluT/Vi1nwEvcil.G5Nbc4NiXZaNGStk8PSwGfQv72N2CKPPrVACtLtip/cZ/1GM/O6IND4WQhG.";

class File {
 public:
  explicit File(const std::string& text) {
    const int fd = ::mkstemp(path_.data());
    REQUIRE(fd >= 0);
    ::close(fd);
    std::ofstream(path_) << text;
  }
  ~File() { ::unlink(path_.c_str()); }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_ = "/tmp/camring-passwords-XXXXXX";
};

int hashes_of(PasswordFile& passwords, const char* authorization) {
  const int before = g_hashes;
  CHECK_FALSE(passwords.check(authorization));
  return g_hashes - before;
}

}  // namespace

extern "C" char* crypt_r(const char* phrase, const char* setting, crypt_data* data) noexcept {
  using Crypt = char* (*)(const char*, const char*, crypt_data*);
  static const auto library = reinterpret_cast<Crypt>(::dlsym(RTLD_NEXT, "crypt_r"));
  ++g_hashes;
  return library(phrase, setting, data);
}

TEST_CASE("an unknown name is hashed just as a wrong password is") {
  const File file("anna:" + std::string(kHash) + "\n");
  PasswordFile passwords(file.path());
  CHECK(hashes_of(passwords, "Basic YW5uYTp3cm9uZw==") == 1);  // anna:wrong
  CHECK(hashes_of(passwords, "Basic Ym9iOndyb25n") == 1);      // bob:wrong
  // What an unknown name is checked against lets nobody in: bob:secret has anna's password.
  CHECK(hashes_of(passwords, "Basic Ym9iOnNlY3JldA==") == 1);
}

TEST_CASE("who was right once is not hashed again") {
  const File file("anna:" + std::string(kHash) + "\n");
  PasswordFile passwords(file.path());
  const std::string right = "Basic YW5uYTpzZWNyZXQ=";  // anna:secret
  CHECK(passwords.check(right) == "anna");
  const int before = g_hashes;
  CHECK(passwords.known(right) == "anna");
  CHECK(g_hashes == before);
}

TEST_CASE("a hash that this system can't check is refused when the file is read, with its line") {
  const File file("anna:plain\nbob:$nosuchmethod$abc$def\n");
  try {
    PasswordFile passwords(file.path());
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::config);
    CHECK(std::string(error.what()).find(file.path() + ":2") != std::string::npos);
    CHECK(std::string(error.what()).find("openssl passwd -6") != std::string::npos);
  }
}
