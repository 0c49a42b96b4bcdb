#include "net/auth.h"

#include <crypt.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cerrno>
#include <fstream>
#include <memory>

#include "base/error.h"
#include "net/http.h"

namespace camring::net {
namespace {

constexpr std::size_t kRemembered = 1024;

bool equal(const std::string& a, const std::string& b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

bool matches(const std::string& stored, const std::string& password) {
  if (stored.empty() || stored.front() != '$') return equal(stored, password);
  const auto data = std::make_unique<crypt_data>();
  const char* hash = ::crypt_r(password.c_str(), stored.c_str(), data.get());
  return hash != nullptr && hash[0] != '*' && equal(stored, hash);
}

}  // namespace

PasswordFile::PasswordFile(std::string path) : path_(std::move(path)) {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
    throw Error(ExitCode::system, "make a random key", "", "the system has no randomness");
  }
  reload();
}

void PasswordFile::reload() {
  std::ifstream file(path_);
  if (!file) throw system_error(errno, "read passwords", path_, "name a file of lines name:password");
  std::map<std::string, std::string> entries;
  std::string line;
  for (int number = 1; std::getline(file, line); ++number) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (line.empty() || line.front() == '#') continue;
    const auto colon = line.find(':');
    if (colon == std::string::npos || colon == 0 || colon + 1 == line.size()) {
      throw Error(ExitCode::config, "read passwords", path_ + ":" + std::to_string(number),
                  "no name:password line",
                  "write lines like viewer:secret, or viewer:$6$… made by 'openssl passwd -6'");
    }
    const std::string stored = line.substr(colon + 1);
#ifdef CRYPT_SALT_INVALID
    if (stored.front() == '$' && ::crypt_checksalt(stored.c_str()) == CRYPT_SALT_INVALID) {
      throw Error(ExitCode::config, "read passwords", path_ + ":" + std::to_string(number),
                  "this system can't check such a hash", "make one with 'openssl passwd -6'");
    }
#endif
    entries[line.substr(0, colon)] = stored;
  }
  if (entries.empty()) {
    throw Error(ExitCode::config, "read passwords", path_, "no name in it", "write lines like viewer:secret");
  }
  const std::lock_guard lock(mutex_);
  decoy_ = entries.begin()->second;
  for (const auto& [name, stored] : entries) {
    if (stored.front() == '$') decoy_ = stored;
  }
  entries_ = std::move(entries);
  proved_.clear();
}

PasswordFile::Digest PasswordFile::digest(std::string_view text) const {
  Digest result{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), result.data(), &size);
  return result;
}

std::optional<std::string> PasswordFile::known(std::string_view authorization) const {
  const Digest wanted = digest(authorization);
  const std::lock_guard lock(mutex_);
  const auto found = proved_.find(wanted);
  return found == proved_.end() ? std::nullopt : std::optional(found->second);
}

std::optional<std::string> PasswordFile::plain(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(name);
  if (found == entries_.end() || found->second.starts_with('$')) return std::nullopt;
  return found->second;
}

bool PasswordFile::all_plain() const {
  const std::lock_guard lock(mutex_);
  return std::none_of(entries_.begin(), entries_.end(),
                      [](const auto& entry) { return entry.second.starts_with('$'); });
}

std::optional<std::string> PasswordFile::check(std::string_view authorization) {
  const auto given = parse_basic(authorization);
  if (!given) return std::nullopt;
  std::string stored;
  {
    const std::lock_guard lock(mutex_);
    const auto found = entries_.find(given->first);
    stored = found != entries_.end() ? found->second : decoy_;
  }
  if (!matches(stored, given->second)) return std::nullopt;
  const std::lock_guard lock(mutex_);
  const auto found = entries_.find(given->first);
  if (found == entries_.end() || found->second != stored)
    return std::nullopt;  // unknown, or reloaded meanwhile
  if (proved_.size() >= kRemembered) proved_.clear();
  proved_[digest(authorization)] = given->first;
  return given->first;
}

}  // namespace camring::net
