#include "gate.h"

#include "base/clock.h"

namespace camring::sseserve {
namespace {

constexpr std::string_view kCookie = "camring_token=";

// RFC 6750: in the header; in a cookie of this name; or in the query, for EventSource, which can't set
// headers.
std::string token_of(const net::Request& request) {
  const std::string_view header = request.header("authorization");
  constexpr std::string_view kBearer = "bearer ";
  if (header.size() > kBearer.size()) {
    bool bearer = true;
    for (std::size_t i = 0; i < kBearer.size(); ++i)
      bearer = bearer && (header[i] | 0x20) == (kBearer[i] | 0x20);
    if (bearer) {
      std::string_view token = header.substr(kBearer.size());
      while (token.starts_with(' ')) token.remove_prefix(1);
      return std::string(token);
    }
  }
  std::string_view cookies = request.header("cookie");
  while (!cookies.empty()) {
    const auto end = cookies.find(';');
    std::string_view one = cookies.substr(0, end);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (one.starts_with(kCookie)) return std::string(one.substr(kCookie.size()));
    if (end == std::string_view::npos) break;
    cookies.remove_prefix(end + 1);
  }
  return request.target.get("access_token").value_or("");
}

net::Response unauthorized(const std::string& why, const char* error) {
  return net::problem(
      401, why,
      {{"WWW-Authenticate", std::string("Bearer realm=\"camring\"") +
                                (*error != '\0' ? std::string(", error=\"") + error + "\"" : "")}});
}

}  // namespace

Gate::Gate(const Options& options) : options_(options) { reload(); }

void Gate::reload() {
  if (options_.auth == "jwt")
    keys_ = std::make_unique<const net::KeySet>(net::KeySet::load(options_.jwt_key));
}

Gate::Verdict Gate::admit(const net::Request& request, const std::string& camera,
                          std::string_view channel) const {
  if (!keys_) return {};
  const std::string token = token_of(request);
  if (token.empty())
    return {std::nullopt,
            unauthorized("a token is needed: 'Authorization: Bearer …', the cookie camring_token, or "
                         "?access_token=",
                         "")};
  net::JwtExpectations expectations;
  expectations.issuer = options_.jwt_issuer;
  expectations.audience = options_.jwt_audience;
  net::JwtVerdict verdict = net::verify(*keys_, token, realtime_ns(), expectations);
  if (!verdict)
    return {std::nullopt,
            unauthorized("the token is refused: " + std::string(to_string(verdict.fault)), "invalid_token")};
  const bool allowed = channel.empty() ? camera.empty() || net::allows(verdict.claims, camera, "raw") ||
                                             net::allows(verdict.claims, camera, "annotated")
                                       : net::allows(verdict.claims, camera, channel);
  if (!allowed)
    return {std::nullopt,
            net::problem(403, std::string("the token does not allow ") +
                                  (channel.empty() ? "this camera" : "this channel of the camera"))};
  return {std::move(verdict.claims), std::nullopt};
}

}  // namespace camring::sseserve
