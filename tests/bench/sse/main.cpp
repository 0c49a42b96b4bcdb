// What live video over server-sent events costs before it reaches a socket: base64 beside OpenSSL's, whole
// events, fragments of MP4 beside libavformat's, and the check of the token that comes with a connection.
// README.md has the command and what it gave.
#include <openssl/evp.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "net/base64.h"
#include "net/base64_blocks.h"
#include "net/jwt.h"
#include "net/sse.h"
#include "sse/fragment.h"
#include "support/report.h"

namespace {

using namespace camring::net;
using bench::Side;

constexpr int kRepeats = 9;
constexpr std::size_t kBytesARun = 32 << 20;

double thread_cpu_s() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// All sides in turns, so that what disturbs the machine disturbs each.
void measure(std::vector<Side>& sides, int runs) {
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    for (Side& side : sides) {
      side.run();
      const double start = thread_cpu_s();
      for (int i = 0; i < runs; ++i) side.run();
      side.seconds.push_back((thread_cpu_s() - start) / runs);
    }
  }
}

void report(std::vector<Side>& sides, std::size_t size) {
  measure(sides, static_cast<int>(kBytesARun / size));
  const double base = bench::median(sides[0].seconds);
  for (const Side& side : sides) {
    const double seconds = bench::median(side.seconds);
    bench::Table::row({std::to_string(size / 1000) + " kB", side.name,
                       bench::digits(seconds * 1e12 / static_cast<double>(size)),
                       bench::ratio(seconds, base)});
  }
}

void encoding(std::size_t size) {
  std::mt19937 random(1);
  std::vector<std::uint8_t> bytes(size), copy(size), text(base64_size(size) + 256);
  for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random());
  SseEvent event;
  event.name = "frame";
  event.id = "123456";
  event.data = R"({"channel":"raw","pts":123456789,"key":false})";
  event.binary = bytes;
  char* const out = reinterpret_cast<char*>(text.data());
  std::vector<Side> sides{
      {"memcpy", [&] { std::memcpy(copy.data(), bytes.data(), size); }},
      {"camring base64", [&] { encode_base64(bytes, out); }},
      {"camring base64, table", [&] { (void)base64::encode_by_table(bytes.data(), size, out); }},
      {"camring event", [&] { (void)write_sse(event, std::span(text)); }},
      {"OpenSSL EVP_EncodeBlock",
       [&] { (void)EVP_EncodeBlock(text.data(), bytes.data(), static_cast<int>(size)); }},
  };
  report(sides, size);
}

// Tokens of RFC 7515, appendix A, and RFC 8037, appendix A: their signatures alone.
void tokens() {
  struct Vector {
    const char *name, *key;
    std::string token;
  };
  const std::string payload =
      ".eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.";
  const Vector vectors[] = {
      {"HS256",
       R"({"kty":"oct","k":"AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow"})",
       "eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9" + payload + "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"},
      {"RS256",
       R"({"kty":"RSA","n":"ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddxHmfHQp-Vaw-4qPCJrcS2mJPMEzP1Pt0Bm4d4QlL-yRT-SFd2lZS-pCgNMsD1W_YpRPEwOWvG6b32690r2jZ47soMZo9wGzjb_7OMg0LOL-bSf63kpaSHSXndS5z5rexMdbBYUsLA9e-KXBdQOS-UTo7WTBEMa2R2CapHg665xsmtdVMTBQY4uDZlxvb3qCo5ZwKh9kG4LT6_I5IhlJH7aGhyxXFvUK-DWNmoudF8NAco9_h9iaGNj8q2ethFkMLs91kzk2PAcDTW9gb54h4FRWyuXpoQ","e":"AQAB"})",
       "eyJhbGciOiJSUzI1NiJ9" + payload +
           "cC4hiUPoj9Eetdgtv3hF80EGrhuB__dzERat0XF9g2VtQgr9PJbu3XOiZj5RZmh7AAuHIm4Bh-0Qc_lF5YKt_"
           "O8W2Fp5jujGbds9uJ"
           "dbF9CUAr7t1dnZcAcQjbKBYNX4BAynRFdiuB--f_"
           "nZLgrnbyTyWzO75vRK5h6xBArLIARNPvkSjtQBMHlb1L07Qe7K0GarZRmB_eSN"
           "9383LcOLn6_dO--xi12jzDwusC-"
           "eOkHWEsqtFZESc6BfI7noOPqvhJ1phCnvWh6IeYI2w9QOYEUipUTI8np6LbgGY9Fs98rqVt5AXL"
           "IhWkWywlVmtVrBp0igcN_IoypGlUPQGe77Rw"},
      {"ES256",
       R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"})",
       "eyJhbGciOiJFUzI1NiJ9" + payload +
           "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q"},
      {"EdDSA", R"({"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"})",
       "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
       "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"},
  };
  for (const Vector& vector : vectors) {
    const KeySet keys = KeySet::parse(vector.key, vector.name);
    bool good = true;
    std::vector<Side> sides{
        {vector.name, [&] { good = good && open_jws(keys, vector.token).fault == JwtFault::none; }}};
    measure(sides, 300);
    bench::Table::row({vector.name, good ? bench::digits(bench::median(sides[0].seconds) * 1e6) : "refused"});
  }
}

}  // namespace

int main() {
  std::printf("%s\n\n", bench::machine().c_str());
  {
    const bench::Table table({"bytes", "by", "CPU ms/GB", "/ memcpy"});
    for (const std::size_t size : {4'000u, 100'000u, 1'000'000u}) encoding(size);
  }
  std::printf("\n");
  {
    const bench::Table table({"access unit", "by", "CPU ms/GB", "/ memcpy"});
    for (const std::size_t size : {4'000u, 100'000u, 1'000'000u}) {
      auto sides = bench::fragment_sides(size);
      report(sides, size);
    }
  }
  std::printf("\n");
  const bench::Table table({"token", "CPU µs a check"});
  tokens();
  return 0;
}
