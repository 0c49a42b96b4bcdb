#include "net/jwks.h"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/param_build.h>
#include <openssl/pem.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <fstream>

#include "base/error.h"
#include "net/base64.h"
#include "net/strict_json.h"

namespace camring::net {
namespace {

using nlohmann::json;

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* object) const noexcept {
    Free(object);
  }
};
using PkeyPtr = std::unique_ptr<EVP_PKEY, Freed<&EVP_PKEY_free>>;
using PkeyContextPtr = std::unique_ptr<EVP_PKEY_CTX, Freed<&EVP_PKEY_CTX_free>>;
using DigestContextPtr = std::unique_ptr<EVP_MD_CTX, Freed<&EVP_MD_CTX_free>>;
using BioPtr = std::unique_ptr<BIO, Freed<&BIO_free_all>>;
using BignumPtr = std::unique_ptr<BIGNUM, Freed<&BN_free>>;
using EcdsaPtr = std::unique_ptr<ECDSA_SIG, Freed<&ECDSA_SIG_free>>;
using ParamBuilderPtr = std::unique_ptr<OSSL_PARAM_BLD, Freed<&OSSL_PARAM_BLD_free>>;
using ParamsPtr = std::unique_ptr<OSSL_PARAM, Freed<&OSSL_PARAM_free>>;

const unsigned char* raw(std::string_view bytes) noexcept {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

BignumPtr number(std::string_view bytes) {
  return BignumPtr(BN_bin2bn(raw(bytes), static_cast<int>(bytes.size()), nullptr));
}

PkeyPtr from_params(const char* type, OSSL_PARAM_BLD* builder) {
  const ParamsPtr params(OSSL_PARAM_BLD_to_param(builder));
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1) return nullptr;
  if (EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) return nullptr;
  return PkeyPtr(key);
}

PkeyPtr rsa_key(std::string_view modulus, std::string_view exponent) {
  const BignumPtr n = number(modulus), e = number(exponent);
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder) return nullptr;
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1) return nullptr;
  if (OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) return nullptr;
  return from_params("RSA", builder.get());
}

PkeyPtr p256_key(std::string_view x, std::string_view y) {
  const std::string point = '\4' + std::string(x) + std::string(y);  // uncompressed: SEC 1, 2.3.3
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  if (!builder) return nullptr;
  if (OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "prime256v1", 0) != 1) {
    return nullptr;
  }
  if (OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()) !=
      1) {
    return nullptr;
  }
  return from_params("EC", builder.get());
}

bool is_p256(const EVP_PKEY* key) {
  std::array<char, 80> name{};
  return EVP_PKEY_get_utf8_string_param(key, OSSL_PKEY_PARAM_GROUP_NAME, name.data(), name.size(), nullptr) ==
             1 &&
         (std::string_view(name.data()) == "prime256v1" || std::string_view(name.data()) == "P-256");
}

// The point lies on its curve, the numbers are ones that can be (RFC 8725, section 3.4).
bool is_sound(EVP_PKEY* key) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context && EVP_PKEY_public_check(context.get()) == 1;
}

// From r and s one behind the other (RFC 7518, section 3.4) to what OpenSSL takes.
std::string ecdsa_der(std::string_view signature) {
  const EcdsaPtr both(ECDSA_SIG_new());
  BignumPtr r = number(signature.substr(0, 32)), s = number(signature.substr(32));
  if (!both || !r || !s) return {};
  ECDSA_SIG_set0(both.get(), r.release(), s.release());
  std::array<unsigned char, 80> der{};  // 72 bytes at most
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(both.get(), nullptr);
  if (size <= 0 || static_cast<std::size_t>(size) > der.size()) return {};
  (void)i2d_ECDSA_SIG(both.get(), &end);
  return {reinterpret_cast<const char*>(der.data()), static_cast<std::size_t>(size)};
}

}  // namespace

struct KeySet::Key {
  JwsAlgorithm algorithm = JwsAlgorithm::hs256;
  std::optional<std::string> kid;
  std::string secret;  // hs256
  PkeyPtr pkey;        // all others

  Key() = default;
  ~Key() { OPENSSL_cleanse(secret.data(), secret.size()); }
  Key(const Key&) = delete;
  Key& operator=(const Key&) = delete;

  [[nodiscard]] bool made(std::string_view signature, std::string_view text) const;
};

bool KeySet::Key::made(std::string_view signature, std::string_view text) const {
  if (algorithm == JwsAlgorithm::hs256) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
    unsigned size = 0;
    if (HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()), raw(text), text.size(), mac.data(),
             &size) == nullptr) {
      return false;
    }
    return signature.size() == size && CRYPTO_memcmp(signature.data(), mac.data(), size) == 0;
  }
  std::string der;
  if (algorithm == JwsAlgorithm::es256) {
    if (signature.size() != 64) return false;
    der = ecdsa_der(signature);
    signature = der;
  }
  const DigestContextPtr context(EVP_MD_CTX_new());
  const EVP_MD* digest = algorithm == JwsAlgorithm::eddsa ? nullptr : EVP_sha256();
  const bool good =
      context && EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, pkey.get()) == 1 &&
      EVP_DigestVerify(context.get(), raw(signature), signature.size(), raw(text), text.size()) == 1;
  if (!good) ERR_clear_error();  // this thread's queue would go on to somebody else's connection
  return good;
}

// Reads one file; knows its name for errors.
struct KeySet::Reader {
  const std::string& name;
  KeySet& set;

  [[noreturn]] void refuse(const std::string& which, const std::string& reason,
                           const std::string& advice) const {
    ERR_clear_error();
    throw Error(ExitCode::config, "read keys", which.empty() ? name : name + ": " + which, reason, advice);
  }

  void add(std::shared_ptr<Key> key) const { set.keys_.push_back(std::move(key)); }

  // Takes a public key, or says why not.
  void take(std::shared_ptr<Key> key, const std::string& which) const {
    EVP_PKEY* pkey = key->pkey.get();
    if (EVP_PKEY_is_a(pkey, "RSA") == 1) {
      key->algorithm = JwsAlgorithm::rs256;
      const int bits = EVP_PKEY_get_bits(pkey);
      if (bits < kMinRsaBits || bits > kMaxRsaBits) {
        refuse(which, "an RSA key of " + std::to_string(bits) + " bits",
               "use one of " + std::to_string(kMinRsaBits) + " to " + std::to_string(kMaxRsaBits) + " bits");
      }
    } else if (EVP_PKEY_is_a(pkey, "EC") == 1 && is_p256(pkey)) {
      key->algorithm = JwsAlgorithm::es256;
    } else if (EVP_PKEY_is_a(pkey, "ED25519") == 1) {
      key->algorithm = JwsAlgorithm::eddsa;
    } else {
      refuse(which, "a key of a kind that is not known here", "use RSA, P-256 or Ed25519");
    }
    if (!is_sound(pkey)) refuse(which, "no valid public key", "export it again");
    add(std::move(key));
  }

  void read_pem(std::string_view bytes) const {
    constexpr std::string_view kBegin = "-----BEGIN ";
    if (bytes.find("PRIVATE KEY-----") != std::string_view::npos) {
      refuse("", "a private key, which whoever checks tokens must not have",
             "give the public one: openssl pkey -in private.pem -pubout");
    }
    if (bytes.substr(kBegin.size()).starts_with("CERTIFICATE")) {
      refuse("", "a certificate, not a key", "take its key out: openssl x509 -in cert.pem -pubkey -noout");
    }
    if (bytes.find(kBegin, kBegin.size()) != std::string_view::npos) {
      refuse("", "more than one key", "give several keys as a JWK Set");
    }
    const BioPtr bio(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
    auto key = std::make_shared<Key>();
    if (bio) key->pkey.reset(PEM_read_bio_PUBKEY(bio.get(), nullptr, nullptr, nullptr));
    if (!key->pkey) refuse("", "no PEM public key", "make one with 'openssl pkey -in private.pem -pubout'");
    take(std::move(key), "");
  }

  void read_secret(std::string_view bytes) const {
    std::string_view text = bytes;
    if (text.ends_with('\n')) text.remove_suffix(1);
    if (text.ends_with('\r')) text.remove_suffix(1);
    const bool printable = std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
    auto key = std::make_shared<Key>();
    key->secret = printable ? text : bytes;
    if (key->secret.size() < kMinSecretBytes) {
      refuse("",
             "a secret of " + std::to_string(key->secret.size()) + " bytes, where " +
                 std::to_string(kMinSecretBytes) + " are the least",
             "make one with 'openssl rand -hex 32'");
    }
    add(std::move(key));
  }

  // A member that must be there, as bytes.
  [[nodiscard]] std::string member(const json& jwk, const char* key, const std::string& which) const {
    const auto found = jwk.find(key);
    std::optional<std::string> bytes;
    if (found != jwk.end() && found->is_string())
      bytes = decode_base64url(found->get_ref<const std::string&>());
    if (!bytes || bytes->empty()) {
      refuse(which, std::string("its \"") + key + "\" is missing or no base64url without padding",
             "export it again");
    }
    return *bytes;
  }

  // Whether a key is for checking signatures with `algorithm` (RFC 7517, sections 4.2 to 4.4).
  static bool is_for(const json& jwk, JwsAlgorithm algorithm) {
    const auto use = jwk.find("use");
    if (use != jwk.end() && *use != "sig") return false;
    const auto operations = jwk.find("key_ops");
    if (operations != jwk.end() &&
        (!operations->is_array() ||
         std::find(operations->begin(), operations->end(), "verify") == operations->end())) {
      return false;
    }
    const auto alg = jwk.find("alg");
    return alg == jwk.end() ||
           (alg->is_string() && jws_algorithm(alg->get_ref<const std::string&>()) == algorithm);
  }

  void read_public_jwk(const json& jwk, std::shared_ptr<Key> key, const std::string& which) const {
    if (jwk.contains("d")) {
      refuse(which, "a private key, which whoever checks tokens must not have",
             "leave out its private members (d, p, q, dp, dq, qi)");
    }
    if (key->algorithm == JwsAlgorithm::rs256) {
      key->pkey = rsa_key(member(jwk, "n", which), member(jwk, "e", which));
    } else if (key->algorithm == JwsAlgorithm::es256) {
      const std::string x = member(jwk, "x", which), y = member(jwk, "y", which);
      if (x.size() == 32 && y.size() == 32) key->pkey = p256_key(x, y);
    } else {
      const std::string x = member(jwk, "x", which);
      key->pkey.reset(EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, raw(x), x.size()));
    }
    if (!key->pkey) refuse(which, "no valid public key", "export it again");
    take(std::move(key), which);
  }

  void read_jwk(const json& jwk, std::size_t index) const {
    std::string which = "key " + std::to_string(index + 1);
    if (!jwk.is_object()) refuse(which, "no JSON object", "see RFC 7517 for what a JWK Set looks like");
    const auto text = [&](const char* member) {
      const auto found = jwk.find(member);
      return found != jwk.end() && found->is_string() ? found->get<std::string>() : std::string();
    };
    auto key = std::make_shared<Key>();
    if (const auto kid = jwk.find("kid"); kid != jwk.end()) {
      if (!kid->is_string()) refuse(which, "its \"kid\" is no text", "put it in quotes");
      key->kid = kid->get<std::string>();
      which += " (kid " + kid->dump() + ")";
    }
    const std::string kind = text("kty"), curve = text("crv");
    if (kind.empty()) refuse(which, "it has no \"kty\"", "see RFC 7517 for what a JWK looks like");
    if (kind == "oct") {
      if (!is_for(jwk, JwsAlgorithm::hs256)) return;
      key->secret = member(jwk, "k", which);
      if (key->secret.size() < kMinSecretBytes) {
        refuse(which, "a secret of " + std::to_string(key->secret.size()) + " bytes",
               "use at least " + std::to_string(kMinSecretBytes) + " bytes of randomness");
      }
      add(std::move(key));
      return;
    }
    if (kind == "RSA") {
      key->algorithm = JwsAlgorithm::rs256;
    } else if (kind == "EC" && curve == "P-256") {
      key->algorithm = JwsAlgorithm::es256;
    } else if (kind == "OKP" && curve == "Ed25519") {
      key->algorithm = JwsAlgorithm::eddsa;
    } else {
      return;
    }
    if (is_for(jwk, key->algorithm)) read_public_jwk(jwk, std::move(key), which);
  }

  void read_jwks(std::string_view bytes) const {
    const auto document = parse_strict_object(bytes);
    if (!document) {
      refuse("", "no JSON object, or a name twice in one", "give a JWK Set; a secret must not begin with {");
    }
    if (!document->contains("keys")) return read_jwk(*document, 0);
    const json& keys = (*document)["keys"];
    if (!keys.is_array())
      refuse("", "its \"keys\" is no array", "see RFC 7517 for what a JWK Set looks like");
    if (keys.size() > kMaxKeys) {
      refuse("", std::to_string(keys.size()) + " keys, where " + std::to_string(kMaxKeys) + " are the most",
             "leave out those that are no longer used");
    }
    for (std::size_t i = 0; i < keys.size(); ++i) read_jwk(keys[i], i);
  }
};

std::optional<JwsAlgorithm> jws_algorithm(std::string_view name) noexcept {
  if (name == "HS256") return JwsAlgorithm::hs256;
  if (name == "RS256") return JwsAlgorithm::rs256;
  if (name == "ES256") return JwsAlgorithm::es256;
  if (name == "EdDSA" || name == "Ed25519") return JwsAlgorithm::eddsa;
  return std::nullopt;
}

KeySet KeySet::parse(std::string_view bytes, const std::string& name) {
  KeySet set;
  const Reader reader{name, set};
  const std::size_t first = std::min(bytes.find_first_not_of(" \t\r\n"), bytes.size());
  const std::string_view content = bytes.substr(first);
  if (content.starts_with("-----BEGIN ")) {
    reader.read_pem(content);
  } else if (content.starts_with('{')) {
    reader.read_jwks(content);
  } else {
    reader.read_secret(bytes);
  }
  if (set.keys_.empty()) {
    reader.refuse("", "no key in it that can check a token",
                  "give a key for HS256, RS256, ES256 or EdDSA whose \"use\" is \"sig\"");
  }
  return set;
}

KeySet KeySet::load(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  const std::string advice = "name a PEM public key, a JWK Set or a file with a secret";
  if (!file) throw system_error(errno, "read keys", path, advice);
  std::string bytes(kMaxFileBytes + 1, '\0');
  errno = 0;
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (file.bad()) throw system_error(errno != 0 ? errno : EIO, "read keys", path, advice);
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  if (bytes.size() > kMaxFileBytes) {
    throw Error(ExitCode::config, "read keys", path, "more than 1 MB", advice);
  }
  KeySet set = parse(bytes, path);
  OPENSSL_cleanse(bytes.data(), bytes.size());
  return set;
}

KeySet::Check KeySet::check(JwsAlgorithm algorithm, std::optional<std::string_view> kid,
                            std::string_view text, std::string_view signature) const {
  Check result = Check::wrong_algorithm;
  for (const auto& key : keys_) {
    if (key->algorithm != algorithm) continue;
    if (kid && key->kid && *key->kid != *kid) {
      if (result == Check::wrong_algorithm) result = Check::unknown_key;
      continue;
    }
    if (key->made(signature, text)) return Check::good;
    result = Check::bad_signature;
  }
  return result;
}

}  // namespace camring::net
