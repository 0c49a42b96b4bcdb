// URLs that hold passwords: never shown, and taken from a file instead of the command line.
#pragma once

#include <string>
#include <string_view>

namespace camring::camcap {

/// The text with every URL's password in it replaced by ***; text without a URL comes back as it is.
[[nodiscard]] std::string mask_url(std::string_view text);

/// A user and a password, as they are (not percent-encoded).
struct Credentials {
  std::string user, password;
};

/// The first line "user:password" of a file; a name without a slash is looked for in $CREDENTIALS_DIRECTORY
/// first. @throws Error: no_input, no_permission, config (not of that form).
[[nodiscard]] Credentials read_credentials(const std::string& file);

/// The URL with these credentials, percent-encoded, in place of its own.
[[nodiscard]] std::string with_credentials(std::string_view url, const Credentials& credentials);

}  // namespace camring::camcap
