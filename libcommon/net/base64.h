// Bytes as text: base64url (RFC 4648, section 5) as tokens have it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace camring::net {

/// The bytes that a base64url text without padding stands for (RFC 7515, section 2). Empty optional for any
/// other character, padding and white space included, for a length that can't be, and for bits behind the end
/// that are not 0: each run of bytes has one text only. Any text may come in.
[[nodiscard]] std::optional<std::string> decode_base64url(std::string_view text);

}  // namespace camring::net
