// HTTP requests and responses as tools see them: plain values, no library's types.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace camring::net {

using Header = std::pair<std::string, std::string>;

/// A request target taken apart: "/a%20b?x=1" gives path "/a b" and query {x: 1}.
struct Target {
  std::string path;
  std::vector<Header> query;
  /// The first value of a key; unset when it is not there.
  [[nodiscard]] std::optional<std::string> get(std::string_view key) const;
};

/// Takes a target apart. Empty for one that is not absolute, has a bad escape, a NUL or a control character.
[[nodiscard]] std::optional<Target> parse_target(std::string_view target);

/// What the user sent, limits checked.
struct Request {
  std::string method;
  Target target;
  std::vector<Header> headers;  ///< names in lower case
  std::string body;
  std::string user;  ///< authenticated as; empty without authentication
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const;
};

/// Bytes that several answers may share.
using SharedBytes = std::shared_ptr<const std::vector<std::uint8_t>>;

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::vector<Header> headers;
  std::string body;
  SharedBytes shared_body;  ///< instead of body
};

/// RFC 9457 problem details: {"type": "about:blank", "title": …, "status": …, "detail": …}.
[[nodiscard]] Response problem(int status, const std::string& detail, std::vector<Header> headers = {});
[[nodiscard]] Response json_response(std::string json);
/// @param text  in Prometheus' text format
[[nodiscard]] Response metrics_response(std::string text);
[[nodiscard]] std::string_view reason_phrase(int status) noexcept;

/// A name and a password out of an Authorization header (RFC 7617). Empty when it is not Basic or not base64.
[[nodiscard]] std::optional<std::pair<std::string, std::string>> parse_basic(std::string_view header);

}  // namespace camring::net
