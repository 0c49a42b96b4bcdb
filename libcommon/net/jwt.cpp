#include "net/jwt.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "net/base64.h"
#include "net/strict_json.h"

namespace camring::net {
namespace {

using nlohmann::json;

constexpr double kLastSecond = 253'402'300'799.0;  // of the year 9999; more is no number of seconds

bool same_word(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

// Tokens of other kinds by the same issuer are not for access (RFC 8725, section 3.11). "at+jwt" is RFC
// 9068's.
bool is_access_type(const json& header) {
  const auto type = header.find("typ");
  if (type == header.end()) return true;
  if (!type->is_string()) return false;
  std::string_view name = type->get_ref<const std::string&>();
  constexpr std::string_view kPrefix = "application/";  // may be left out: RFC 7515, section 4.1.9
  if (same_word(name.substr(0, kPrefix.size()), kPrefix)) name.remove_prefix(kPrefix.size());
  return same_word(name, "jwt") || same_word(name, "at+jwt");
}

JwtFault fault_of(KeySet::Check check) noexcept {
  switch (check) {
    case KeySet::Check::good:
      return JwtFault::none;
    case KeySet::Check::wrong_algorithm:
      return JwtFault::wrong_algorithm;
    case KeySet::Check::unknown_key:
      return JwtFault::unknown_key;
    case KeySet::Check::bad_signature:
      break;
  }
  return JwtFault::bad_signature;
}

// The claims that are there must be what they should be; each reader returns false where one is not.

bool read_text(const json& claims, const char* name, std::string& out) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  if (!found->is_string()) return false;
  out = found->get<std::string>();
  return true;
}

// NumericDate: seconds, also with a fraction (RFC 7519, section 2).
bool read_date(const json& claims, const char* name, std::optional<double>& out) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  if (!found->is_number()) return false;
  const auto seconds = found->get<double>();
  if (!(seconds >= 0 && seconds <= kLastSecond)) return false;
  out = seconds;
  return true;
}

// An array of texts, or one text.
bool read_texts(const json& claims, const char* name, bool alone,
                std::optional<std::vector<std::string>>& out) {
  const auto found = claims.find(name);
  if (found == claims.end()) return true;
  out.emplace();
  if (found->is_string() && alone) {
    out->push_back(found->get<std::string>());
    return true;
  }
  if (!found->is_array()) return false;
  for (const json& entry : *found) {
    if (!entry.is_string()) return false;
    out->push_back(entry.get<std::string>());
  }
  return true;
}

bool is_pattern(std::string_view text) {
  constexpr std::size_t kMaxName = 64;
  return !text.empty() && text.size() <= kMaxName && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-' || c == '*';
  });
}

std::optional<Permission> parse_permission(const std::string& text) {
  Permission permission;
  const std::size_t slash = text.find('/');
  permission.camera = text.substr(0, slash);
  if (slash != std::string::npos) permission.channel = text.substr(slash + 1);
  if (!is_pattern(permission.camera) || (permission.channel && !is_pattern(*permission.channel))) {
    return std::nullopt;
  }
  return permission;
}

struct Payload {
  Claims claims;
  std::optional<double> expiry, not_before, issued;
  std::optional<std::vector<std::string>> audience;
};

std::optional<Payload> read_claims(const json& json_claims) {
  Payload payload;
  Claims& claims = payload.claims;
  std::optional<std::vector<std::string>> roles, cameras;
  if (!read_text(json_claims, "sub", claims.subject) || !read_text(json_claims, "iss", claims.issuer) ||
      !read_date(json_claims, "exp", payload.expiry) || !read_date(json_claims, "nbf", payload.not_before) ||
      !read_date(json_claims, "iat", payload.issued) ||
      !read_texts(json_claims, "aud", true, payload.audience) ||
      !read_texts(json_claims, "roles", true, roles) || !read_texts(json_claims, "cameras", false, cameras)) {
    return std::nullopt;
  }
  if (roles) claims.roles = std::move(*roles);
  if (cameras) {
    claims.cameras.emplace();
    for (const std::string& text : *cameras) {
      auto permission = parse_permission(text);
      if (!permission) return std::nullopt;
      claims.cameras->push_back(std::move(*permission));
    }
  }
  if (payload.expiry) {
    const double ns = *payload.expiry * 1e9;
    constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
    claims.expiry_ns = ns >= static_cast<double>(kMax) ? kMax : static_cast<std::int64_t>(ns);
  }
  return payload;
}

JwtFault judge(const Payload& payload, std::int64_t now_ns, const JwtExpectations& expectations) {
  const double now = static_cast<double>(now_ns) * 1e-9;
  const double leeway = std::chrono::duration<double>(expectations.leeway).count();
  const double expiry_leeway =
      std::chrono::duration<double>(expectations.expiry_leeway.value_or(expectations.leeway)).count();
  if (!payload.expiry && expectations.needs_expiry) return JwtFault::no_expiry;
  if (payload.expiry && now >= *payload.expiry + expiry_leeway) return JwtFault::expired;
  if (payload.not_before && now < *payload.not_before - leeway) return JwtFault::not_yet_valid;
  if (payload.issued && now < *payload.issued - leeway) return JwtFault::not_yet_valid;
  if (!expectations.issuer.empty() && payload.claims.issuer != expectations.issuer) {
    return JwtFault::wrong_issuer;
  }
  if (expectations.audience.empty()) return payload.audience ? JwtFault::wrong_audience : JwtFault::none;
  if (!payload.audience || std::find(payload.audience->begin(), payload.audience->end(),
                                     expectations.audience) == payload.audience->end()) {
    return JwtFault::wrong_audience;
  }
  return JwtFault::none;
}

// Goes back to the last * alone, so that no pattern takes more than the product of the lengths.
bool matches(std::string_view pattern, std::string_view name) noexcept {
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (p < pattern.size() && pattern[p] == name[n]) {
      ++p;
      ++n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace

std::string_view to_string(JwtFault fault) noexcept {
  switch (fault) {
    case JwtFault::none:
      return "the token is good";
    case JwtFault::too_large:
      return "the token is longer than 8 kB";
    case JwtFault::malformed:
      return "this is no signed JSON Web Token";
    case JwtFault::wrong_type:
      return "the token is of a type that gives no access";
    case JwtFault::critical:
      return "the token needs extensions that are not known here";
    case JwtFault::wrong_algorithm:
      return "the token is signed with an algorithm that no key here is for";
    case JwtFault::unknown_key:
      return "the token is signed with a key that is not known here";
    case JwtFault::bad_signature:
      return "the token's signature is wrong";
    case JwtFault::bad_claims:
      return "a claim of the token is not of the kind that it should be";
    case JwtFault::no_expiry:
      return "the token has no expiry time";
    case JwtFault::expired:
      return "the token has expired";
    case JwtFault::not_yet_valid:
      return "the token is not valid yet";
    case JwtFault::wrong_issuer:
      return "the token is by another issuer";
    case JwtFault::wrong_audience:
      return "the token is for another audience";
  }
  return "unknown";
}

bool allows(const Claims& claims, std::string_view camera, std::string_view channel) noexcept {
  if (!claims.cameras) {
    return std::any_of(claims.roles.begin(), claims.roles.end(),
                       [](const std::string& role) { return role == "admin" || role == "viewer"; });
  }
  return std::any_of(claims.cameras->begin(), claims.cameras->end(), [&](const Permission& permission) {
    return matches(permission.camera, camera) &&
           (!permission.channel || matches(*permission.channel, channel));
  });
}

JwsContent open_jws(const KeySet& keys, std::string_view token) {
  if (token.size() > kMaxTokenBytes) return {JwtFault::too_large, {}};
  const std::size_t first = token.find('.');
  const std::size_t second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos) return {JwtFault::malformed, {}};
  // A third dot is a character that base64url has not: encrypted tokens end here.
  const auto header_text = decode_base64url(token.substr(0, first));
  auto payload = decode_base64url(token.substr(first + 1, second - first - 1));
  const auto signature = decode_base64url(token.substr(second + 1));
  if (!header_text || !payload || !signature) return {JwtFault::malformed, {}};
  const auto header = parse_strict_object(*header_text);
  if (!header) return {JwtFault::malformed, {}};
  if (header->contains("crit")) return {JwtFault::critical, {}};
  if (!is_access_type(*header)) return {JwtFault::wrong_type, {}};
  const auto alg = header->find("alg");
  if (alg == header->end() || !alg->is_string()) return {JwtFault::malformed, {}};
  const auto algorithm = jws_algorithm(alg->get_ref<const std::string&>());
  if (!algorithm) return {JwtFault::wrong_algorithm, {}};
  std::optional<std::string_view> kid;
  if (const auto found = header->find("kid"); found != header->end()) {
    if (!found->is_string()) return {JwtFault::malformed, {}};
    kid = found->get_ref<const std::string&>();
  }
  const JwtFault fault = fault_of(keys.check(*algorithm, kid, token.substr(0, second), *signature));
  if (fault != JwtFault::none) return {fault, {}};
  return {JwtFault::none, std::move(*payload)};
}

JwtVerdict verify(const KeySet& keys, std::string_view token, std::int64_t now_ns,
                  const JwtExpectations& expectations) {
  const JwsContent content = open_jws(keys, token);
  if (content.fault != JwtFault::none) return {content.fault, {}};
  const auto claims = parse_strict_object(content.payload);
  if (!claims) return {JwtFault::malformed, {}};
  auto payload = read_claims(*claims);
  if (!payload) return {JwtFault::bad_claims, {}};
  const JwtFault fault = judge(*payload, now_ns, expectations);
  if (fault != JwtFault::none) return {fault, {}};
  return {JwtFault::none, std::move(payload->claims)};
}

}  // namespace camring::net
