#include "net/base64.h"

#include <array>
#include <cstring>

#include "net/base64_blocks.h"

namespace camring::net {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
constexpr std::uint8_t kNoDigit = 64;

constexpr std::array<std::uint8_t, 256> kUrlDigits = [] {
  std::array<std::uint8_t, 256> digits{};
  digits.fill(kNoDigit);
  for (std::uint8_t i = 0; i < 64; ++i) digits[static_cast<unsigned char>(kUrlAlphabet[i])] = i;
  return digits;
}();

// Two characters for each twelve bits: 8 kB, which stay in the first cache.
using Pair = std::array<char, 2>;
constexpr std::array<Pair, 4096> kPairs = [] {
  std::array<Pair, 4096> pairs{};
  for (unsigned i = 0; i < pairs.size(); ++i) pairs[i] = {kAlphabet[i >> 6], kAlphabet[i & 63]};
  return pairs;
}();

void put_pair(char* out, unsigned bits) noexcept { std::memcpy(out, kPairs[bits].data(), sizeof(Pair)); }

base64::Encode fastest() noexcept {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2") != 0) return base64::encode_by_avx2;
#endif
  return base64::encode_by_table;
}

}  // namespace

std::size_t base64::encode_by_table(const std::uint8_t* in, std::size_t size, char* out) noexcept {
  std::size_t done = 0;
  for (; size - done >= 3; done += 3, out += 4) {
    const std::uint8_t* const at = in + done;
    put_pair(out, unsigned{at[0]} << 4 | at[1] >> 4);
    put_pair(out + 2, (at[1] & 15u) << 8 | at[2]);
  }
  return done;
}

void encode_base64(std::span<const std::uint8_t> bytes, char* out) noexcept {
  static const base64::Encode encode = fastest();
  std::size_t done = encode(bytes.data(), bytes.size(), out);
  done += base64::encode_by_table(bytes.data() + done, bytes.size() - done, out + done / 3 * 4);
  out += done / 3 * 4;
  const std::span<const std::uint8_t> rest = bytes.subspan(done);
  if (rest.empty()) return;
  const unsigned second = rest.size() > 1 ? rest[1] : 0u;
  put_pair(out, unsigned{rest[0]} << 4 | second >> 4);
  out[2] = rest.size() > 1 ? kAlphabet[(second & 15u) << 2] : '=';
  out[3] = '=';
}

std::optional<std::string> decode_base64url(std::string_view text) {
  if (text.size() % 4 == 1) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::uint8_t digit = kUrlDigits[static_cast<unsigned char>(c)];
    if (digit == kNoDigit) return std::nullopt;
    bits = bits << 6 | digit;
    count += 6;
    if (count < 8) continue;
    count -= 8;
    bytes += static_cast<char>(bits >> count & 0xff);
  }
  if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
  return bytes;
}

}  // namespace camring::net
