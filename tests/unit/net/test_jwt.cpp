// Tokens of the RFCs, of another implementation (PyJWT 2.6), and forged ones.
#include "net/jwt.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <fstream>
#include <limits>
#include <memory>
#include <random>

#include "base/error.h"
#include "catch.h"
#include "net/base64.h"

using namespace camring;
using namespace camring::net;

namespace {

// RFC 7515, appendices A.1 to A.3, and RFC 8037, appendix A.
constexpr const char* kOct =
    R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})";
constexpr const char* kRsa =
    R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})";
constexpr const char* kEc =
    R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})";
constexpr const char* kEd =
    R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})";

const std::string kRfcPayload =
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
const std::string kRfcHs256 = "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9." + kRfcPayload +
                              ".dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
const std::string kRfcRs256 =
    "eyJhbGciOiJSUzI1NiJ9." + kRfcPayload +
    ".cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
    "O8W2Fp5jujGbds9uJdb"
    "F9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN9383"
    "LcOLn6_dO--xi12jzDwusC-"
    "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXLIhWkWyw"
    "lVmtVrBp0igcN_IoypGlUPQGe77Rw";
const std::string kRfcEs256 =
    "eyJhbGciOiJFUzI1NiJ9." + kRfcPayload +
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const std::string kRfcEd25519 =
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg";

// By PyJWT with the private keys of the RFCs:
// {"sub":"anna","iss":"https://id.example","aud":["camring","other"],
// "exp":1900000000,"iat":1700000000.5,"cameras":["cam0","cam1/raw"]}.
const std::string kPyPayload =
    "eyJzdWIiOiJhbm5hIiwiaXNzIjoiaHR0cHM6Ly9pZC5leGFtcGxlIiwiYXVkIjpbImNhbXJpbmciLCJvdGhlciJdLCJleHAiOjE5MDAw"
    "MDAw"
    "MDAsImlhdCI6MTcwMDAwMDAwMC41LCJjYW1lcmFzIjpbImNhbTAiLCJjYW0xL3JhdyJdfQ";
const std::string kPyEdDsa =
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIiwidHlwIjoiSldUIn0." + kPyPayload +
    ".g0Cx8JVRSJOYCcS0YW6OzuYppoKeu5MZAq9-TW6eaM7c2IRh1kbHOcaiu8zI1JVD-MHoRM5PRS-Rt8PI1MPcBg";
const std::string kPyEs256 =
    "eyJhbGciOiJFUzI1NiIsInR5cCI6IkpXVCJ9." + kPyPayload +
    ".wVqvWh_6bpPm3jKcZXzig8NRETEWqDMlHf34_vZm4nBsqyEOxOXOg1qn4fwx9tV8wh0f3XgJEZGmEQpdrCQLAA";
const std::string kPyHs256 =
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9." + kPyPayload + ".4e8OOJFgTTjWpBFnMEAVCuTNHH-rOUVRa39FqtR9lAo";

constexpr const char* kEcPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEf83OJ3D2xF1Bg8vub9tLe1gHMzV7\n"
    "6e8Tus9uPHvRVEXH8UTNG72bfocs3+257rn0s2ldbqkLJK2KRiMohYjlrQ==\n"
    "-----END PUBLIC KEY-----\n";
constexpr const char* kEdPem =
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEA11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=\n"
    "-----END PUBLIC KEY-----\n";

constexpr std::int64_t kSecond = 1'000'000'000, kNow = 1'800'000'000 * kSecond;
const std::string kSecret = "0123456789abcdef0123456789abcdef";

std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string sign(const std::string& header, const std::string& payload, const std::string& secret = kSecret) {
  const std::string text = base64url(header) + "." + base64url(payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), size});
}

std::string token(const std::string& payload) { return sign(R"({"alg":"HS256","typ":"JWT"})", payload); }

KeySet keys(const std::string& bytes) { return KeySet::parse(bytes, "keys"); }

std::string jwks(std::initializer_list<std::string> list) {
  std::string all;
  for (const std::string& jwk : list) all += (all.empty() ? "" : ",") + jwk;
  return "{\"keys\":[" + all + "]}";
}

// A member more in front.
std::string with(const std::string& jwk, const std::string& member) {
  return "{" + member + "," + jwk.substr(1);
}

JwtFault fault(const std::string& payload, const JwtExpectations& expectations = {},
               std::int64_t now = kNow) {
  return verify(keys(kSecret), token(payload), now, expectations).fault;
}

JwtFault header_fault(const std::string& header) {
  return verify(keys(kSecret), sign(header, R"({"exp":1900000000})"), kNow, {}).fault;
}

Claims claims(const std::string& members) {
  const JwtVerdict verdict = verify(keys(kSecret), token("{\"exp\":1900000000," + members + "}"), kNow, {});
  REQUIRE(verdict.fault == JwtFault::none);
  return verdict.claims;
}

template <class Read>
std::string refused(Read&& read) {
  try {
    (void)read();
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::config);
    CHECK(std::string(error.what()).find("; ") != std::string::npos);  // there is advice
    return error.what();
  }
  return "taken";
}
std::string refusal(const std::string& bytes) {
  return refused([&] { return keys(bytes); });
}
bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string pem_of(EVP_PKEY* key) {
  BIO* bio = BIO_new(BIO_s_mem());
  REQUIRE(PEM_write_bio_PUBKEY(bio, key) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(bio, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(bio);
  return text;
}

struct FreeKey {
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, FreeKey>;

}  // namespace

TEST_CASE("jwt: the RFCs' own tokens are good with the RFCs' keys, one or all in a set") {
  const std::pair<std::string, std::string> vectors[] = {
      {kRfcHs256, kOct}, {kRfcRs256, kRsa}, {kRfcEs256, kEc}, {kRfcEd25519, kEd}};
  const KeySet all = keys(jwks({kOct, kRsa, kEc, kEd}));
  CHECK(all.size() == 4);
  for (const auto& [jws, jwk] : vectors) {
    CAPTURE(jws);
    CHECK(open_jws(keys(jwk), jws).fault == JwtFault::none);
    CHECK(open_jws(keys(jwks({jwk})), jws).fault == JwtFault::none);
    CHECK(open_jws(all, jws).fault == JwtFault::none);
    for (const auto& other : vectors) {
      if (other.first != jws) CHECK(open_jws(keys(other.second), jws).fault == JwtFault::wrong_algorithm);
    }
  }
  CHECK(open_jws(all, kRfcEd25519).payload == "Example of Ed25519 signing");
  constexpr std::int64_t kThen = 1'300'819'379 * kSecond;
  const JwtVerdict verdict = verify(all, kRfcHs256, kThen, {});
  REQUIRE(verdict);
  CHECK(verdict.claims.issuer == "joe");
  CHECK(verdict.claims.expiry_ns == 1'300'819'380 * kSecond);
  CHECK(verify(all, kRfcEd25519, kThen, {}).fault == JwtFault::malformed);  // signed, but no claims
}

TEST_CASE("jwt: a changed bit anywhere is noticed") {
  const KeySet all = keys(jwks({kOct, kRsa, kEc, kEd}));
  std::mt19937 random(3);
  for (const std::string& good : {kRfcHs256, kRfcRs256, kRfcEs256, kRfcEd25519}) {
    for (int i = 0; i < 60; ++i) {
      std::string changed = good;
      char& c = changed[random() % changed.size()];
      c = c == 'A' ? 'B' : c == '.' ? 'x' : 'A';
      if (changed != good) CHECK(open_jws(all, changed).fault != JwtFault::none);
    }
  }
}

TEST_CASE("jwt: tokens of another implementation are good, with JWKs and with PEM") {
  JwtExpectations expectations;
  expectations.issuer = "https://id.example";
  expectations.audience = "camring";
  const std::pair<std::string, std::string> pairs[] = {
      {kPyEdDsa, kEdPem}, {kPyEs256, kEcPem}, {kPyHs256, kOct}, {kPyEdDsa, with(kEd, R"("kid":"ed")")}};
  for (const auto& [text, key] : pairs) {
    const JwtVerdict verdict = verify(keys(key), text, kNow, expectations);
    CAPTURE(text);
    REQUIRE(verdict);
    CHECK(verdict.claims.subject == "anna");
    CHECK(verdict.claims.expiry_ns == 1'900'000'000 * kSecond);
    CHECK(allows(verdict.claims, "cam0", "any"));
    CHECK(allows(verdict.claims, "cam1", "raw"));
    CHECK_FALSE(allows(verdict.claims, "cam1", "annotated"));
  }
}

TEST_CASE("jwt: a public key is no secret, and no token says what its key is for") {
  const Pkey rsa(EVP_RSA_gen(2048));
  REQUIRE(rsa);
  const std::string pem = pem_of(rsa.get());
  const KeySet set = keys(pem);
  // The attack of RFC 8725, section 2.1: the public key's text as the secret of an HMAC.
  const std::string forged = sign(R"({"alg":"HS256"})", R"({"exp":1900000000})", pem);
  CHECK(verify(set, forged, kNow, {}).fault == JwtFault::wrong_algorithm);
  for (const char* alg : {"none", "None", "NONE", "HS384", "RS512", "PS256", "ES384", "hs256", ""}) {
    CAPTURE(alg);
    CHECK(header_fault(std::string(R"({"alg":")") + alg + "\"}") == JwtFault::wrong_algorithm);
  }
  const std::string unsigned_token = base64url(R"({"alg":"none"})") + "." + base64url(R"({"sub":"x"})") + ".";
  CHECK(verify(set, unsigned_token, kNow, {}).fault == JwtFault::wrong_algorithm);
  CHECK(header_fault("{}") == JwtFault::malformed);
  CHECK(header_fault(R"({"alg":5})") == JwtFault::malformed);
}

TEST_CASE("jwt: signatures of another form are none") {
  // ES256 as DER, which OpenSSL would take, and numbers that no signature has.
  const std::string head = kRfcEs256.substr(0, kRfcEs256.rfind('.') + 1);
  const KeySet ec = keys(kEc);
  CHECK(open_jws(ec, head + base64url(std::string(64, '\0'))).fault == JwtFault::bad_signature);
  CHECK(open_jws(ec, head + base64url(std::string(64, '\xff'))).fault == JwtFault::bad_signature);
  CHECK(open_jws(ec, head + base64url(std::string(70, '0'))).fault == JwtFault::bad_signature);
  CHECK(open_jws(ec, head).fault == JwtFault::bad_signature);
  const std::string mac_head = kRfcHs256.substr(0, kRfcHs256.rfind('.') + 1);
  CHECK(open_jws(keys(kOct), mac_head).fault == JwtFault::bad_signature);
  CHECK(open_jws(keys(kOct), kRfcHs256 + "AAA").fault == JwtFault::bad_signature);
}

TEST_CASE("jwt: what is no compact JWS, or has two meanings, is refused before any key is asked") {
  const KeySet set = keys(kSecret);
  const std::string good = token(R"({"exp":1900000000})");
  REQUIRE(verify(set, good, kNow, {}));
  const auto malformed = [&](const std::string& text) {
    CAPTURE(text);
    CHECK(verify(set, text, kNow, {}).fault == JwtFault::malformed);
  };
  malformed("");
  malformed(".");
  malformed("..");
  malformed("a.b");
  malformed(good + ".");
  malformed(good + ".a.b");
  malformed(good + "=");
  malformed(good + "\n");
  malformed(" " + good);
  malformed("Bearer " + good);
  std::string other = good;
  other[3] = '+';
  malformed(other);
  malformed(good.substr(0, good.find('.')) + "A" + good.substr(good.find('.')));  // a length that can't be
  CHECK(verify(set, std::string(kMaxTokenBytes + 1, 'a'), kNow, {}).fault == JwtFault::too_large);
  CHECK(verify(set, std::string(kMaxTokenBytes, 'a'), kNow, {}).fault == JwtFault::malformed);
  CHECK(header_fault(R"(["alg"])") == JwtFault::malformed);
  CHECK(header_fault(R"({"alg":"HS256")") == JwtFault::malformed);
  CHECK(header_fault(R"({"alg":"none","alg":"HS256"})") == JwtFault::malformed);
  CHECK(header_fault(R"({"alg":"HS256","x":{"a":1,"a":2}})") == JwtFault::malformed);
  CHECK(header_fault(R"({"alg":"HS256","x":{"a":1},"y":{"a":2}})") == JwtFault::none);
  CHECK(header_fault("{\"alg\":\"HS256\",\"x\":\"\xff\"}") == JwtFault::malformed);
  CHECK(fault(R"({"exp":1900000000,"sub":"a","sub":"b"})") == JwtFault::malformed);
  CHECK(fault("[]") == JwtFault::malformed);
  CHECK(fault("") == JwtFault::malformed);
  CHECK(fault(R"({"exp":1900000000}x)") == JwtFault::malformed);
}

TEST_CASE("jwt: deep nesting costs nothing but a refusal or a shrug") {
  const std::string deep = std::string(2500, '[') + std::string(2500, ']');
  CHECK(fault("{\"exp\":1900000000,\"x\":" + deep + "}") == JwtFault::none);
  CHECK(fault("{\"exp\":1900000000,\"x\":" + std::string(5000, '[')) == JwtFault::malformed);
}

TEST_CASE("jwt: extensions that must be understood, and tokens of other types, are refused") {
  CHECK(header_fault(R"({"alg":"HS256","crit":["exp"],"exp":1})") == JwtFault::critical);
  CHECK(header_fault(R"({"alg":"HS256","crit":["b64"],"b64":false})") == JwtFault::critical);
  CHECK(header_fault(R"({"alg":"HS256","crit":[]})") == JwtFault::critical);
  for (const char* typ : {"JWT", "jwt", "application/jwt", "at+jwt", "application/at+JWT"}) {
    CHECK(header_fault(std::string(R"({"alg":"HS256","typ":")") + typ + "\"}") == JwtFault::none);
  }
  for (const char* typ : {"dpop+jwt", "logout+jwt", "secevent+jwt", "JOSE", ""}) {
    CHECK(header_fault(std::string(R"({"alg":"HS256","typ":")") + typ + "\"}") == JwtFault::wrong_type);
  }
  CHECK(header_fault(R"({"alg":"HS256","typ":1})") == JwtFault::wrong_type);
}

TEST_CASE("jwt: a token that names its key is checked with that one only") {
  const std::string a = std::string(32, 'a'), b = std::string(32, 'b');
  const auto jwk = [](const std::string& kid, const std::string& secret) {
    return R"({"kty":"oct",)" + (kid.empty() ? "" : "\"kid\":\"" + kid + "\",") + R"("k":")" +
           base64url(secret) + "\"}";
  };
  const KeySet set = keys(jwks({jwk("one", a), jwk("two", b)}));
  const auto by = [&](const std::string& header, const std::string& secret) {
    return verify(set, sign(header, R"({"exp":1900000000})", secret), kNow, {}).fault;
  };
  CHECK(by(R"({"alg":"HS256","kid":"one"})", a) == JwtFault::none);
  CHECK(by(R"({"alg":"HS256","kid":"two"})", b) == JwtFault::none);
  CHECK(by(R"({"alg":"HS256","kid":"one"})", b) == JwtFault::bad_signature);
  CHECK(by(R"({"alg":"HS256","kid":"three"})", a) == JwtFault::unknown_key);
  CHECK(by(R"({"alg":"HS256","kid":""})", a) == JwtFault::unknown_key);
  CHECK(by(R"({"alg":"HS256","kid":1})", a) == JwtFault::malformed);
  CHECK(by(R"({"alg":"HS256"})", b) == JwtFault::none);
  const KeySet nameless = keys(jwk("", a));
  CHECK(verify(nameless, sign(R"({"alg":"HS256","kid":"x"})", R"({"exp":1900000000})", a), kNow, {}));
}

TEST_CASE("jwt: times are numbers, also with fractions, and clocks may differ by the leeway") {
  JwtExpectations exact;
  exact.leeway = std::chrono::seconds(0);
  const std::int64_t half = kNow + kSecond / 2;
  CHECK(fault(R"({"exp":1800000000})", exact, kNow - 1000) == JwtFault::none);
  CHECK(fault(R"({"exp":1800000000})", exact, kNow) == JwtFault::expired);
  CHECK(fault(R"({"exp":1800000000.75})", exact, half) == JwtFault::none);
  CHECK(fault(R"({"exp":1800000000.25})", exact, half) == JwtFault::expired);
  CHECK(fault(R"({"exp":1799999950})") == JwtFault::none);  // a minute of leeway unless told otherwise
  CHECK(fault(R"({"exp":1799999939})") == JwtFault::expired);
  CHECK(fault(R"({"exp":1.9e9})") == JwtFault::none);
  CHECK(fault(R"({"exp":1900000000,"nbf":1800000001})", exact) == JwtFault::not_yet_valid);
  CHECK(fault(R"({"exp":1900000000,"nbf":1800000000})", exact) == JwtFault::none);
  CHECK(fault(R"({"exp":1900000000,"nbf":1800000050.5})") == JwtFault::none);
  CHECK(fault(R"({"exp":1900000000,"iat":1800000061})") == JwtFault::not_yet_valid);
  CHECK(fault(R"({"exp":1900000000,"iat":1800000059})") == JwtFault::none);
  for (const char* bad : {"\"1900000000\"", "null", "true", "-1", "1900000000000", "1e300", "[1900000000]"}) {
    CAPTURE(bad);
    CHECK(fault(std::string("{\"exp\":") + bad + "}") == JwtFault::bad_claims);
    CHECK(fault(std::string("{\"exp\":1900000000,\"nbf\":") + bad + "}") == JwtFault::bad_claims);
    CHECK(fault(std::string("{\"exp\":1900000000,\"iat\":") + bad + "}") == JwtFault::bad_claims);
  }
}

TEST_CASE("jwt: a token without expiry is refused unless it is wanted") {
  JwtExpectations eternal;
  eternal.needs_expiry = false;
  CHECK(fault("{}") == JwtFault::no_expiry);
  CHECK(fault("{}", eternal) == JwtFault::none);
  CHECK_FALSE(verify(keys(kSecret), token("{}"), kNow, eternal).claims.expiry_ns);
  const JwtVerdict far = verify(keys(kSecret), token(R"({"exp":253402300799})"), kNow, {});
  CHECK(far.claims.expiry_ns == std::numeric_limits<std::int64_t>::max());
}

TEST_CASE("jwt: issuer and audience must be the expected ones") {
  JwtExpectations expected;
  expected.issuer = "me";
  expected.audience = "camring";
  const auto check = [&](const std::string& members) {
    return fault("{\"exp\":1900000000" + members + "}", expected);
  };
  CHECK(check(R"(,"iss":"me","aud":"camring")") == JwtFault::none);
  CHECK(check(R"(,"iss":"me","aud":["x","camring"])") == JwtFault::none);
  CHECK(check(R"(,"iss":"you","aud":"camring")") == JwtFault::wrong_issuer);
  CHECK(check(R"(,"aud":"camring")") == JwtFault::wrong_issuer);
  CHECK(check(R"(,"iss":"me")") == JwtFault::wrong_audience);
  CHECK(check(R"(,"iss":"me","aud":[])") == JwtFault::wrong_audience);
  CHECK(check(R"(,"iss":"me","aud":"camring2")") == JwtFault::wrong_audience);
  CHECK(check(R"(,"iss":"me","aud":["camring",1])") == JwtFault::bad_claims);
  CHECK(check(R"(,"iss":["me"],"aud":"camring")") == JwtFault::bad_claims);
  CHECK(fault(R"({"exp":1900000000,"iss":"anyone"})") == JwtFault::none);
  CHECK(fault(R"({"exp":1900000000,"aud":"x"})") == JwtFault::wrong_audience);
}

TEST_CASE("jwt: cameras and channels are allowed by name and by pattern") {
  const Claims some = claims(R"("cameras":["cam0","door/raw","yard*/annotated","*x*y"])");
  CHECK(allows(some, "cam0", "raw"));
  CHECK(allows(some, "cam0", "annotated"));
  CHECK_FALSE(allows(some, "cam00", "raw"));
  CHECK_FALSE(allows(some, "cam", "raw"));
  CHECK(allows(some, "door", "raw"));
  CHECK_FALSE(allows(some, "door", "annotated"));
  CHECK_FALSE(allows(some, "door", "RAW"));
  CHECK(allows(some, "yard", "annotated"));
  CHECK(allows(some, "yard.north", "annotated"));
  CHECK_FALSE(allows(some, "yard.north", "raw"));
  CHECK(allows(some, "axbxcy", "raw"));
  CHECK_FALSE(allows(some, "axbxcyz", "raw"));
  CHECK(allows(claims(R"("cameras":["*"])"), "any", "thing"));
  CHECK(allows(claims(R"("cameras":["*/*"])"), "any", "thing"));
  CHECK_FALSE(allows(claims(R"("cameras":["*/raw"])"), "any", "thing"));
}

TEST_CASE("jwt: roles count where no cameras are listed, and only there") {
  CHECK(allows(claims(R"("roles":["admin"])"), "cam0", "raw"));
  CHECK(allows(claims(R"("roles":["x","viewer"])"), "cam0", "raw"));
  CHECK(allows(claims(R"("roles":"viewer")"), "cam0", "raw"));
  CHECK_FALSE(allows(claims(R"("roles":["operator"])"), "cam0", "raw"));
  CHECK_FALSE(allows(claims(R"("roles":[])"), "cam0", "raw"));
  CHECK_FALSE(allows(claims(R"("sub":"admin")"), "cam0", "raw"));
  CHECK_FALSE(allows(claims(R"("roles":["admin"],"cameras":[])"), "cam0", "raw"));
  CHECK_FALSE(allows(claims(R"("roles":["admin"],"cameras":["cam1"])"), "cam0", "raw"));
  for (const char* bad :
       {R"("roles":1)", R"("roles":[1])", R"("roles":null)", R"("cameras":null)", R"("cameras":"cam0")",
        R"("cameras":[1])", R"("cameras":[""])", R"("cameras":["a/"])", R"("cameras":["/a"])",
        R"("cameras":["a/b/c"])", R"("cameras":["a b"])", R"("sub":1)"}) {
    CAPTURE(bad);
    CHECK(fault(std::string("{\"exp\":1900000000,") + bad + "}") == JwtFault::bad_claims);
  }
  CHECK(fault("{\"exp\":1900000000,\"cameras\":[\"" + std::string(65, 'a') + "\"]}") == JwtFault::bad_claims);
}

TEST_CASE("jwt: every refusal has words of its own") {
  std::vector<std::string_view> seen;
  for (int i = 0; i <= static_cast<int>(JwtFault::wrong_audience); ++i) {
    const std::string_view text = to_string(static_cast<JwtFault>(i));
    CHECK(text != "unknown");
    CHECK(std::find(seen.begin(), seen.end(), text) == seen.end());
    seen.push_back(text);
  }
}

TEST_CASE("keys: a secret has at least 32 bytes; a line feed behind text is none of them") {
  CHECK(has(refusal(kSecret.substr(1)), "a secret of 31 bytes"));
  CHECK(has(refusal(kSecret.substr(1) + "\n"), "a secret of 31 bytes"));
  CHECK(has(refusal(""), "openssl rand"));
  const std::string good = token(R"({"exp":1900000000})");
  CHECK(verify(keys(kSecret), good, kNow, {}));
  CHECK(verify(keys(kSecret + "\n"), good, kNow, {}));
  CHECK(verify(keys(kSecret + "\r\n"), good, kNow, {}));
  CHECK_FALSE(verify(keys(kSecret + "\n\n"), good, kNow, {}));
  const std::string binary = std::string(31, '\1') + "\n";
  CHECK(verify(keys(binary), sign(R"({"alg":"HS256"})", R"({"exp":1900000000})", binary), kNow, {}));
}

TEST_CASE("keys: PEM files of another kind are refused, with the command that mends them") {
  CHECK(has(refusal("-----BEGIN PRIVATE KEY-----\nMC4=\n-----END PRIVATE KEY-----\n"), "openssl pkey"));
  CHECK(has(refusal("-----BEGIN RSA PRIVATE KEY-----\nMC4=\n-----END RSA PRIVATE KEY-----\n"), "-pubout"));
  CHECK(has(refusal("-----BEGIN CERTIFICATE-----\nMC4=\n-----END CERTIFICATE-----\n"), "openssl x509"));
  CHECK(has(refusal("-----BEGIN PUBLIC KEY-----\nMC4=\n-----END PUBLIC KEY-----\n"), "no PEM public key"));
  CHECK(has(refusal(std::string(kEdPem) + kEcPem), "more than one key"));
  const Pkey weak(EVP_RSA_gen(1024)), p384(EVP_EC_gen("P-384"));
  REQUIRE(weak);
  REQUIRE(p384);
  CHECK(has(refusal(pem_of(weak.get())), "an RSA key of 1024 bits"));
  CHECK(has(refusal(pem_of(p384.get())), "P-256"));
}

TEST_CASE("keys: a broken key of a set is named; keys for something else are passed over") {
  const auto broken = [](const std::string& jwk) { return refusal(jwks({kOct, jwk})); };
  CHECK(has(broken(R"({"kty":"RSA","kid":"r1","e":"AQAB"})"), "key 2 (kid \"r1\"): its \"n\" is missing"));
  CHECK(has(broken(R"({"kty":"EC","crv":"P-256","x":"AA","y":"AA"})"), "key 2: no valid public key"));
  // A point beside the curve.
  CHECK(has(broken(with(R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                        R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a1"})",
                        R"("kid":"e")")),
            "key 2 (kid \"e\")"));
  CHECK(has(broken(R"({"kty":"OKP","crv":"Ed25519","x":"AAAA"})"), "no valid public key"));
  CHECK(has(broken(R"({"kty":"oct","k":"c2hvcnQ"})"), "a secret of 5 bytes"));
  CHECK(has(broken(R"({"kty":"oct","k":"AA=="})"), "no base64url"));
  CHECK(has(broken(with(kEd, R"("d":"nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A")")), "a private key"));
  CHECK(has(broken(R"({"kid":"x"})"), "no \"kty\""));
  CHECK(has(broken(with(kEd, R"("kid":5)")), "\"kid\" is no text"));
  CHECK(has(broken("5"), "no JSON object"));
  CHECK(has(refusal("{\"keys\":5}"), "no array"));
  CHECK(has(refusal("{"), "no JSON object"));
  CHECK(has(refusal(jwks({})), "no key in it"));
  CHECK(has(refusal(R"({"keys":[],"keys":[]})"), "a name twice"));
  std::string many = kEd;
  for (int i = 0; i < 64; ++i) many += std::string(",") + kEd;
  CHECK(has(refusal(jwks({many})), "65 keys"));

  const KeySet set = keys(jwks({with(kRsa, R"("use":"enc")"), with(kRsa, R"("alg":"RS512")"),
                                with(kRsa, R"("key_ops":["encrypt"])"), R"({"kty":"EC","crv":"P-521"})",
                                R"({"kty":"OKP","crv":"X25519"})", R"({"kty":"new"})",
                                with(kEd, R"("use":"sig","alg":"EdDSA","key_ops":["verify"])")}));
  CHECK(set.size() == 1);
  CHECK(open_jws(set, kRfcRs256).fault == JwtFault::wrong_algorithm);
  CHECK(open_jws(set, kRfcEd25519).fault == JwtFault::none);
}

TEST_CASE("keys: files that are not there, not readable or too large say so") {
  std::string path = "/tmp/camring-keys-XXXXXX";
  const int fd = ::mkstemp(path.data());
  REQUIRE(fd >= 0);
  ::close(fd);
  std::ofstream(path) << kSecret << "\n";
  CHECK(KeySet::load(path).size() == 1);
  std::ofstream(path) << std::string(KeySet::kMaxFileBytes + 1, 'x');
  CHECK(has(refused([&] { return KeySet::load(path); }), "more than 1 MB"));
  std::ofstream(path) << "short\n";
  CHECK(has(refused([&] { return KeySet::load(path); }), path));
  ::unlink(path.c_str());
  try {
    (void)KeySet::load(path);
    FAIL("it was taken");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::no_input);
  }
  CHECK_THROWS_AS(KeySet::load("/tmp"), Error);
}

TEST_CASE("base64url: each run of bytes has one text, without padding") {
  std::mt19937 random(1);
  for (std::size_t size = 0; size < 70; ++size) {
    std::string bytes;
    for (std::size_t i = 0; i < size; ++i) bytes += static_cast<char>(random());
    CHECK(decode_base64url(base64url(bytes)) == bytes);
  }
  for (const char* bad : {"A", "AB=", "AA==", "AB", "AAB", "A A", "AAA\n", "AA+A", "AA/A", "\xff\xff"}) {
    CAPTURE(bad);
    CHECK_FALSE(decode_base64url(bad));
  }
}
