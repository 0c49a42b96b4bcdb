// Bytes as text: base64 (RFC 4648, section 4), fast enough for live video, and base64url (section 5) as
// tokens have it.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace camring::net {

/// Characters that encode_base64() writes for so many bytes, padding included.
[[nodiscard]] constexpr std::size_t base64_size(std::size_t bytes) noexcept { return (bytes + 2) / 3 * 4; }

/// Writes base64_size(bytes.size()) characters, padded with "=", to `out`, which has room for them and does
/// not overlap `bytes`. With AVX2 where the processor has it. Any thread.
void encode_base64(std::span<const std::uint8_t> bytes, char* out) noexcept;

/// The bytes that a base64url text without padding stands for (RFC 7515, section 2). Empty optional for any
/// other character, padding and white space included, for a length that can't be, and for bits behind the end
/// that are not 0: each run of bytes has one text only. Any text may come in.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace camring::net
