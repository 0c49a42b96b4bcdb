// Who may connect: names and passwords from a file, checked for HTTP Basic authentication (RFC 7617).
#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

namespace camring::net {

/// Lines "name:password" or "name:$hash", the latter as crypt(5) has it: mkpasswd, htpasswd -B and openssl
/// passwd -6 make them. Empty lines and lines that begin with # are skipped. All calls from any thread.
class PasswordFile {
 public:
  /// @throws Error: config (bad line: says which), no_input, no_permission.
  explicit PasswordFile(std::string path);
  /// Reads the file again. @throws as the constructor; what was known then stays in force.
  void reload();
  /// The name when the header was proved right before; no hashing, so the event loop may call it.
  [[nodiscard]] std::optional<std::string> known(std::string_view authorization) const;
  /// The name when the header is right. Hashing takes milliseconds: not for the event loop.
  [[nodiscard]] std::optional<std::string> check(std::string_view authorization);
  /// The password of a name that the file has in plain: Digest authentication can't do with a hash of another
  /// kind. Empty for other names.
  [[nodiscard]] std::optional<std::string> plain(const std::string& name) const;
  /// Whether Digest authentication works for every name in the file.
  [[nodiscard]] bool all_plain() const;

 private:
  using Digest = std::array<std::uint8_t, 32>;
  [[nodiscard]] Digest digest(std::string_view text) const;
  std::string path_;
  Digest key_{};  // random: what is remembered can't be used outside this process
  mutable std::mutex mutex_;
  std::map<std::string, std::string> entries_;
  std::string decoy_;  // what an unknown name is checked against, so that the time does not tell that it is
  std::map<Digest, std::string> proved_;
};

}  // namespace camring::net
