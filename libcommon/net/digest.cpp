#include "net/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include <algorithm>
#include <cstdio>

#include "base/error.h"

namespace camring::net {
namespace {

constexpr std::int64_t kNonceLifeNs = 300'000'000'000;

std::string hex(const unsigned char* bytes, std::size_t size) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (std::size_t i = 0; i < size; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

std::string hash(DigestAlgorithm algorithm, const std::string& text) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  EVP_Digest(text.data(), text.size(), out.data(), &size,
             algorithm == DigestAlgorithm::md5 ? EVP_md5() : EVP_sha256(), nullptr);
  return hex(out.data(), size);
}

bool same_word(std::string_view a, std::string_view lower) {
  return std::equal(a.begin(), a.end(), lower.begin(), lower.end(), [](char x, char y) {
    return (x >= 'A' && x <= 'Z' ? static_cast<char>(x + 32) : x) == y;
  });
}

void skip(std::string_view& text, std::string_view which) {
  while (!text.empty() && which.find(text.front()) != std::string_view::npos) text.remove_prefix(1);
}

// A quoted string or a token. Empty optional: a quote that does not end.
std::optional<std::string> take_value(std::string_view& text) {
  std::string value;
  if (!text.starts_with('"')) {
    const std::size_t end = std::min(text.find_first_of(", \t"), text.size());
    value = text.substr(0, end);
    text.remove_prefix(end);
    return value;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return value;
    }
    if (text[i] == '\\' && i + 1 < text.size()) ++i;
    value += text[i];
  }
  return std::nullopt;
}

}  // namespace

std::optional<DigestFields> parse_digest(std::string_view text) {
  skip(text, " \t");
  if (text.size() < 7 || !same_word(text.substr(0, 6), "digest") || text[6] != ' ') return std::nullopt;
  text.remove_prefix(7);
  DigestFields fields;
  for (skip(text, ", \t"); !text.empty(); skip(text, ", \t")) {
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) return std::nullopt;
    std::string_view key = text.substr(0, equals);
    while (!key.empty() && key.back() == ' ') key.remove_suffix(1);
    text.remove_prefix(equals + 1);
    skip(text, " \t");
    const auto value = take_value(text);
    if (!value) return std::nullopt;
    const std::pair<std::string_view, std::string*> known[] = {
        {"username", &fields.username}, {"realm", &fields.realm},
        {"nonce", &fields.nonce},       {"uri", &fields.uri},
        {"response", &fields.response}, {"algorithm", &fields.algorithm},
        {"qop", &fields.qop},           {"nc", &fields.nc},
        {"cnonce", &fields.cnonce},     {"opaque", &fields.opaque}};
    for (const auto& [name, target] : known) {
      if (same_word(key, name)) *target = *value;
    }
    if (same_word(key, "stale")) fields.stale = same_word(*value, "true");
  }
  return fields;
}

std::optional<DigestAlgorithm> digest_algorithm(const DigestFields& fields) noexcept {
  if (fields.algorithm.empty() || same_word(fields.algorithm, "md5")) return DigestAlgorithm::md5;
  if (same_word(fields.algorithm, "sha-256")) return DigestAlgorithm::sha256;
  return std::nullopt;
}

std::string digest_response(DigestAlgorithm algorithm, const DigestFields& fields, std::string_view username,
                            std::string_view password, std::string_view method) {
  const std::string ha1 =
      hash(algorithm, std::string(username) + ":" + fields.realm + ":" + std::string(password));
  const std::string ha2 = hash(algorithm, std::string(method) + ":" + fields.uri);
  std::string middle = fields.nonce;
  if (!fields.qop.empty()) middle += ":" + fields.nc + ":" + fields.cnonce + ":" + fields.qop;
  return hash(algorithm, ha1 + ":" + middle + ":" + ha2);
}

Nonces::Nonces() {
  if (RAND_bytes(key_.data(), static_cast<int>(key_.size())) != 1) {
    throw Error(ExitCode::system, "make a random key", "", "the system has no randomness");
  }
}

std::string Nonces::sign(std::string_view time) const {
  std::array<unsigned char, EVP_MAX_MD_SIZE> out{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key_.data(), static_cast<int>(key_.size()),
       reinterpret_cast<const unsigned char*>(time.data()), time.size(), out.data(), &size);
  return hex(out.data(), 16);
}

std::string Nonces::make(std::int64_t now_ns) const {
  std::array<char, 20> time{};
  std::snprintf(time.data(), time.size(), "%016llx", static_cast<unsigned long long>(now_ns));
  return time.data() + sign(time.data());
}

Nonces::Verdict Nonces::check(std::string_view nonce, std::int64_t now_ns) const {
  if (nonce.size() != 48) return Verdict::bad;
  const std::string_view time = nonce.substr(0, 16);
  if (CRYPTO_memcmp(sign(time).data(), nonce.data() + 16, 32) != 0) return Verdict::bad;
  const auto made = static_cast<std::int64_t>(std::stoull(std::string(time), nullptr, 16));
  return now_ns - made > kNonceLifeNs ? Verdict::stale : Verdict::good;
}

std::string answer_challenge(const std::vector<std::string>& challenges, std::string_view username,
                             std::string_view password, std::string_view method, std::string_view uri) {
  std::optional<DigestFields> best;
  bool basic = false;
  for (const std::string& challenge : challenges) {
    basic = basic || (challenge.size() >= 5 && same_word(std::string_view(challenge).substr(0, 5), "basic"));
    auto fields = parse_digest(challenge);
    if (!fields || !digest_algorithm(*fields)) continue;
    if (!best || digest_algorithm(*fields) == DigestAlgorithm::sha256) best = std::move(fields);
  }
  if (best) {
    best->uri = uri;
    if (!best->qop.empty()) {  // a list in a challenge; "auth" is what everybody has
      best->qop = "auth";
      best->nc = "00000001";
      std::array<unsigned char, 8> random{};
      RAND_bytes(random.data(), static_cast<int>(random.size()));
      best->cnonce = hex(random.data(), random.size());
    }
    const std::string response = digest_response(*digest_algorithm(*best), *best, username, password, method);
    std::string answer = "Digest username=\"" + std::string(username) + "\", realm=\"" + best->realm +
                         "\", nonce=\"" + best->nonce + "\", uri=\"" + best->uri + "\", response=\"" +
                         response + "\"";
    if (!best->algorithm.empty()) answer += ", algorithm=" + best->algorithm;
    if (!best->opaque.empty()) answer += ", opaque=\"" + best->opaque + "\"";
    if (!best->qop.empty()) answer += ", qop=auth, nc=" + best->nc + ", cnonce=\"" + best->cnonce + "\"";
    return answer;
  }
  if (!basic) return {};
  const std::string both = std::string(username) + ":" + std::string(password);
  std::string encoded(4 * ((both.size() + 2) / 3) + 1, '\0');
  const int size =
      EVP_EncodeBlock(reinterpret_cast<unsigned char*>(encoded.data()),
                      reinterpret_cast<const unsigned char*>(both.data()), static_cast<int>(both.size()));
  encoded.resize(static_cast<std::size_t>(size));
  return "Basic " + encoded;
}

}  // namespace camring::net
