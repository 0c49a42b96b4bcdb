// Tokens from anywhere, and files of keys. The first byte says what the rest is: a token, a token's header or
// payload that is then signed well so that what lies behind the signature is reached, or a file of keys.
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/jwt.h"

namespace {

using namespace camring::net;

const std::string kSecret = "0123456789abcdef0123456789abcdef";
constexpr const char* kOthers =
    R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},{"kty":"EC",)"
    R"("crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})";

std::string base64url(std::string_view bytes) {
  std::string text(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  text.resize(static_cast<std::size_t>(EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                                       reinterpret_cast<const unsigned char*>(bytes.data()),
                                                       static_cast<int>(bytes.size()))));
  while (text.ends_with('=')) text.pop_back();
  for (char& c : text) c = c == '+' ? '-' : c == '/' ? '_' : c;
  return text;
}

std::string sign(std::string_view header, std::string_view payload) {
  const std::string text = base64url(header) + "." + base64url(payload);
  std::array<unsigned char, EVP_MAX_MD_SIZE> mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), kSecret.data(), static_cast<int>(kSecret.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return text + "." + base64url({reinterpret_cast<const char*>(mac.data()), size});
}

void check(const KeySet& keys, std::string_view token) {
  const JwtVerdict verdict = verify(keys, token, 1'800'000'000'000'000'000, {});
  if (!verdict && to_string(verdict.fault) == "unknown") __builtin_trap();
  if (!verdict && allows(verdict.claims, "cam0", "raw")) __builtin_trap();
  (void)allows(verdict.claims, "cam0", "raw");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const KeySet secret = KeySet::parse(kSecret, "secret");
  static const KeySet others = KeySet::parse(kOthers, "others");
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 4) {
    case 0:
      check(secret, text);
      check(others, text);
      break;
    case 1:
      check(secret, sign(text, R"({"exp":1900000000,"roles":["admin"]})"));
      break;
    case 2:
      check(secret, sign(R"({"alg":"HS256"})", text));
      break;
    default:
      try {
        (void)KeySet::parse(text, "keys");
      } catch (const camring::Error&) {
      }
  }
  return 0;
}
