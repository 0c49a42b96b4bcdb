// The keys that tokens are checked with: one public key, one secret, or a JSON Web Key Set (RFC 7517), from a
// file. Each key is for one algorithm, whatever a token says (RFC 8725, section 3.1).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace camring::net {

/// RFC 7518, section 3.1, and RFC 8037, section 3.1.
enum class JwsAlgorithm {
  hs256,  ///< HMAC with SHA-256: a secret
  rs256,  ///< RSASSA-PKCS1-v1_5 with SHA-256
  es256,  ///< ECDSA on P-256 with SHA-256
  eddsa,  ///< Ed25519
};
/// Knows "HS256", "RS256", "ES256", "EdDSA", and "Ed25519" (RFC 9864), case as written; never "none".
[[nodiscard]] std::optional<JwsAlgorithm> jws_algorithm(std::string_view name) noexcept;

/// Keys never change once read; to read a file again, make another set. All calls from any thread.
class KeySet {
 public:
  static constexpr std::size_t kMinSecretBytes = 32;  ///< RFC 7518, section 3.2
  static constexpr int kMinRsaBits = 2048;            ///< RFC 7518, section 3.3
  static constexpr int kMaxRsaBits = 8192;            ///< a check of a longer one takes too long
  static constexpr std::size_t kMaxKeys = 64;
  static constexpr std::size_t kMaxFileBytes = 1'000'000;

  /// Reads a file of one of these kinds, told apart by how it begins:
  /// - "-----BEGIN PUBLIC KEY-----": a PEM public key, one only: RSA, P-256 or Ed25519;
  /// - "{": a JWK Set {"keys": […]}, or one JWK: kty oct, RSA, EC with P-256, OKP with Ed25519. Keys that are
  ///   not for checking signatures or for other algorithms are skipped (RFC 7517, section 5); keys of ours
  ///   that are broken are errors;
  /// - anything else: a secret for HS256. A line feed behind a text is not part of it; of other bytes all
  ///   count.
  /// @throws Error: no_input, no_permission, or config, which says which key and what to do.
  [[nodiscard]] static KeySet load(const std::string& path);
  /// The same from bytes. @param name  for errors. @throws Error (config)
  [[nodiscard]] static KeySet parse(std::string_view bytes, const std::string& name);

  [[nodiscard]] std::size_t size() const noexcept { return keys_.size(); }

  enum class Check {
    good,
    wrong_algorithm,  ///< no key here is for it
    unknown_key,      ///< keys are for it, but none has that kid
    bad_signature,
  };
  /// Whether a key of the set made `signature` over `text`.
  /// @param kid  where the token names its key: only that one counts, and keys without a name
  [[nodiscard]] Check check(JwsAlgorithm algorithm, std::optional<std::string_view> kid,
                            std::string_view text, std::string_view signature) const;

 private:
  struct Key;
  struct Reader;
  std::vector<std::shared_ptr<const Key>> keys_;
};

}  // namespace camring::net
