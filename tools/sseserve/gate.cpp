#include "gate.h"

#include "base/clock.h"
#include "wishes.h"

namespace camring::sseserve {
namespace {

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
  const std::string token = read_token(request);
  if (token.empty())
    return {std::nullopt,
            unauthorized("a token is needed: 'Authorization: Bearer …', the cookie camring_token, or "
                         "?access_token=",
                         "")};
  net::JwtExpectations expectations;
  expectations.issuer = options_.jwt_issuer;
  expectations.audience = options_.jwt_audience;
  // A stream ends when its token does: one that is let in a little later would end at once, and come again.
  expectations.expiry_leeway = std::chrono::nanoseconds(0);
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
