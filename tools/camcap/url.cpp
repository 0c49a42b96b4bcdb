#include "url.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <fstream>

#include "base/error.h"

namespace camring::camcap {
namespace {

// Where "user:password@" of the URL whose "://" is at `scheme_end` begins and ends (at the @); end npos:
// none. The last @ before the path counts: people write passwords with an @ in them.
struct UserInfo {
  std::size_t begin, end;
};
UserInfo user_info(std::string_view text, std::size_t scheme_end) {
  const std::size_t begin = scheme_end + 3;
  const std::size_t stop = std::min(text.find_first_of("/?# \t\"'", begin), text.size());
  const std::size_t at = text.substr(0, stop).rfind('@');
  if (at != std::string_view::npos && at >= begin) return {begin, at};
  // A slash in a password ends the host as every parser sees it; still nobody shall read the password.
  const std::size_t colon = text.substr(0, stop).find(':', begin);
  const std::size_t word_end = std::min(text.find_first_of(" \t\"'", begin), text.size());
  const std::size_t late = text.substr(0, word_end).rfind('@');
  const bool port =
      colon == std::string_view::npos ||
      text.substr(colon + 1, stop - colon - 1).find_first_not_of("0123456789") == std::string_view::npos;
  return {begin, port || late == std::string_view::npos || late < stop ? std::string_view::npos : late};
}

// Cameras of some makers take the password as a parameter: …?user=admin&password=secret.
std::string mask_parameters(std::string text) {
  static constexpr std::array<std::string_view, 5> kKeys{"password=", "passwd=", "pwd=", "pass=", "token="};
  for (const std::string_view key : kKeys) {
    for (std::size_t at = text.find(key); at != std::string::npos; at = text.find(key, at + key.size())) {
      if (at > 0 && text[at - 1] != '?' && text[at - 1] != '&') continue;
      const std::size_t value = at + key.size();
      const std::size_t end = std::min(text.find_first_of("& \t\"'#", value), text.size());
      text.replace(value, end - value, "***");
    }
  }
  return text;
}

std::string percent_encoded(std::string_view text) {
  static constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                       c == '-' || c == '.' || c == '_' || c == '~';  // RFC 3986, 2.3
    if (plain) {
      out += c;
    } else {
      out += {'%', kHex[byte >> 4], kHex[byte & 15]};
    }
  }
  return out;
}

std::string credentials_path(const std::string& file) {
  const char* directory = std::getenv("CREDENTIALS_DIRECTORY");  // NOLINT(concurrency-mt-unsafe)
  if (directory == nullptr || file.find('/') != std::string::npos) return file;
  std::string path = std::string(directory) + "/" + file;
  return std::ifstream(path) ? path : file;
}

}  // namespace

std::string mask_url(std::string_view text) {
  std::string out;
  for (;;) {
    const std::size_t scheme = text.find("://");
    if (scheme == std::string_view::npos) return mask_parameters(out.append(text));
    const UserInfo info = user_info(text, scheme);
    const std::size_t colon = text.substr(0, std::min(info.end, text.size())).find(':', info.begin);
    if (info.end == std::string_view::npos || colon == std::string_view::npos) {
      out.append(text.substr(0, info.begin));
      text.remove_prefix(info.begin);
      continue;
    }
    out.append(text.substr(0, colon)).append(":***");
    text.remove_prefix(info.end);
  }
}

Credentials read_credentials(const std::string& file) {
  const std::string path = credentials_path(file);
  std::ifstream stream(path);
  if (!stream) throw system_error(errno, "read credentials", path, "write a file of one line: user:password");
  std::string line;
  std::getline(stream, line);
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
  const auto colon = line.find(':');
  if (colon == std::string::npos || colon == 0) {
    throw Error(ExitCode::config, "read credentials", path, "no line user:password in it",
                "write a file of one line: user:password");
  }
  return {line.substr(0, colon), line.substr(colon + 1)};
}

std::string with_credentials(std::string_view url, const Credentials& credentials) {
  const std::size_t scheme = url.find("://");
  if (scheme == std::string_view::npos) return std::string(url);
  const UserInfo info = user_info(url, scheme);
  std::string out(url.substr(0, info.begin));
  out += percent_encoded(credentials.user) + ":" + percent_encoded(credentials.password) + "@";
  return out.append(url.substr(info.end == std::string_view::npos ? info.begin : info.end + 1));
}

}  // namespace camring::camcap
