// The ways to write base64; base64.cpp picks. Internal to the room, and for its tests.
#pragma once

#include <cstddef>
#include <cstdint>

namespace camring::net::base64 {

/// Each encodes from the front as much as its step allows and says how many bytes that was: a multiple of
/// three. It reads nothing behind `in + size` and writes four characters for three bytes.
using Encode = std::size_t (*)(const std::uint8_t* in, std::size_t size, char* out) noexcept;

/// Twelve bits at a time by a table: all but the last one or two bytes.
std::size_t encode_by_table(const std::uint8_t* in, std::size_t size, char* out) noexcept;
#ifdef __x86_64__
/// For processors with AVX2; leaves up to 27 bytes.
std::size_t encode_by_avx2(const std::uint8_t* in, std::size_t size, char* out) noexcept;
#endif

}  // namespace camring::net::base64
