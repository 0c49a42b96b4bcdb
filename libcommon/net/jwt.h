// Bearer tokens: JSON Web Tokens (RFC 7519) in compact form, checked as RFC 8725 says, and what they allow
// their bearers to see.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/jwks.h"

namespace camring::net {

inline constexpr std::size_t kMaxTokenBytes = 8192;

/// Why a token is refused.
enum class JwtFault {
  none,
  too_large,        ///< more than kMaxTokenBytes
  malformed,        ///< not three parts of base64url without padding, or no JSON, or a name twice in it
  wrong_type,       ///< "typ" says that it is something else than a token for access
  critical,         ///< "crit": extensions that must be understood (RFC 7515, section 4.1.11); we have none
  wrong_algorithm,  ///< no key is for its "alg"; always so for "none"
  unknown_key,      ///< no key has its "kid"
  bad_signature,
  bad_claims,      ///< a claim of a kind that it can't be
  no_expiry,       ///< no "exp", which is wanted
  expired,         ///< "exp" has passed
  not_yet_valid,   ///< "nbf" or "iat" lies ahead
  wrong_issuer,    ///< "iss" is not the one that is expected
  wrong_audience,  ///< "aud" is missing or names others
};
/// For people and for logs: it repeats nothing of the token. Any thread.
[[nodiscard]] std::string_view to_string(JwtFault fault) noexcept;

/// One entry of the claim "cameras".
struct Permission {
  std::string camera;                  ///< a name, in which * stands for any run of characters
  std::optional<std::string> channel;  ///< the same; absent: all channels of the camera
  friend bool operator==(const Permission&, const Permission&) = default;
};

/// What a token says of its bearer.
///
/// What they may see is the claim "cameras", an array of texts "CAMERA" (all its channels) or
/// "CAMERA/CHANNEL", names as those of rings ([A-Za-z0-9._-]) or patterns with *: "cam0", "cam0/raw", "*",
/// "cam*/annotated". Where "cameras" is there, it alone counts: an empty array allows nothing, to admins too.
/// Where it is not, the claim "roles" (an array of texts, or one text) allows all channels of all cameras if
/// it has "admin" or "viewer", and nothing otherwise.
struct Claims {
  std::string subject;  ///< "sub" as it came: any characters; empty where it is not there
  std::string issuer;   ///< "iss"
  /// "exp", nanoseconds since the epoch; absent where the token has none, INT64_MAX where it is further away.
  std::optional<std::int64_t> expiry_ns;
  std::vector<std::string> roles;
  std::optional<std::vector<Permission>> cameras;
};

/// Whether the bearer may see a channel of a camera. Any thread.
[[nodiscard]] bool allows(const Claims& claims, std::string_view camera, std::string_view channel) noexcept;

struct JwtExpectations {
  std::string issuer;  ///< what "iss" must be; empty: anything
  /// What "aud" must have; empty: tokens without "aud" only (RFC 7519, section 4.1.3: whoever can't find
  /// itself in "aud" must refuse).
  std::string audience;
  std::chrono::nanoseconds leeway{std::chrono::seconds(60)};  ///< by which clocks may differ
  std::optional<std::chrono::nanoseconds> expiry_leeway;      ///< instead of it for "exp"
  bool needs_expiry = true;  ///< a token without "exp" could not be taken back
};

/// Claims, or why there are none.
struct JwtVerdict {
  JwtFault fault = JwtFault::none;
  Claims claims;
  [[nodiscard]] explicit operator bool() const noexcept { return fault == JwtFault::none; }
};

/// Checks a token: its signature with the keys, then its times, issuer and audience. For when a client comes,
/// not for each frame. References in its header (jku, x5u, jwk, x5c) are never followed. Any text may come
/// in; any thread; throws std::bad_alloc alone.
/// @param now_ns  CLOCK_REALTIME
[[nodiscard]] JwtVerdict verify(const KeySet& keys, std::string_view token, std::int64_t now_ns,
                                const JwtExpectations& expectations);

/// The signed content of a JWS in compact form (RFC 7515, section 7.1), or why it is refused: what verify()
/// does first.
struct JwsContent {
  JwtFault fault = JwtFault::none;
  std::string payload;
};
[[nodiscard]] JwsContent open_jws(const KeySet& keys, std::string_view token);

}  // namespace camring::net
