// Digest authentication (RFC 7616, and RFC 2069 as RTSP's clients speak it), both ends.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace camring::net {

enum class DigestAlgorithm { md5, sha256 };

/// The fields of a Digest challenge or answer; empty where absent.
struct DigestFields {
  std::string username, realm, nonce, uri, response, algorithm, qop, nc, cnonce, opaque;
  bool stale = false;
};

/// Reads what follows "Digest " in a header. Empty for another scheme and for broken quoting. Any text may
/// come in.
[[nodiscard]] std::optional<DigestFields> parse_digest(std::string_view header);
/// Empty for one that is unknown; absent means MD5.
[[nodiscard]] std::optional<DigestAlgorithm> digest_algorithm(const DigestFields& fields) noexcept;

/// The response to a challenge: fields.realm, nonce, uri, and with qop also nc and cnonce count.
[[nodiscard]] std::string digest_response(DigestAlgorithm algorithm, const DigestFields& fields,
                                          std::string_view username, std::string_view password,
                                          std::string_view method);

/// Nonces that prove themselves: a time and its authentication code, so that none is kept. Any thread.
class Nonces {
 public:
  Nonces();  ///< @throws Error (system) without randomness
  [[nodiscard]] std::string make(std::int64_t now_ns) const;
  enum class Verdict { good, stale, bad };
  [[nodiscard]] Verdict check(std::string_view nonce, std::int64_t now_ns) const;

 private:
  [[nodiscard]] std::string sign(std::string_view time) const;
  std::array<std::uint8_t, 32> key_{};
};

/// A client's answer to a server's challenges ("WWW-Authenticate" values): the strongest that is understood.
/// Empty when none is.
[[nodiscard]] std::string answer_challenge(const std::vector<std::string>& challenges,
                                           std::string_view username, std::string_view password,
                                           std::string_view method, std::string_view uri);

}  // namespace camring::net
