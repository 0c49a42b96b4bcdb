// Frames that tell whether they are whole: every byte follows from the frame's number and size.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>

namespace camring::torture {

/// A good mixing function (splitmix64, Steele and others, 2014).
inline std::uint64_t mix(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

/// The size of frame `number` in a ring of variable frames, in bytes: 64 to about 64,000.
inline std::size_t size_of(std::uint64_t number) noexcept {
  const std::uint64_t r = mix(number ^ 0x5151);
  return 64 + (r % 7 == 0 ? r / 7 % 64000 : r / 7 % 4000);
}

/// Fills a payload: its number, a checksum of number and size, then words that follow from both.
inline void fill(std::span<std::uint8_t> payload, std::uint64_t number) noexcept {
  const std::uint64_t seed = mix(number ^ mix(payload.size()));
  std::size_t at = 0;
  const auto put = [&](std::uint64_t word) {
    const std::size_t bytes = std::min(sizeof word, payload.size() - at);
    std::memcpy(payload.data() + at, &word, bytes);
    at += bytes;
  };
  put(number);
  put(seed);
  for (std::uint64_t i = 0; at < payload.size(); ++i) put(seed + i * 0x9e3779b97f4a7c15u);
}

/// Whether every byte of a payload is the one that fill() wrote for this number.
inline bool whole(std::span<const std::uint8_t> payload, std::uint64_t number) noexcept {
  const std::uint64_t seed = mix(number ^ mix(payload.size()));
  std::size_t at = 0;
  bool right = true;
  const auto check = [&](std::uint64_t word) {
    const std::size_t bytes = std::min(sizeof word, payload.size() - at);
    right = right && std::memcmp(payload.data() + at, &word, bytes) == 0;
    at += bytes;
  };
  check(number);
  check(seed);
  for (std::uint64_t i = 0; right && at < payload.size(); ++i) check(seed + i * 0x9e3779b97f4a7c15u);
  return right;
}

}  // namespace camring::torture
