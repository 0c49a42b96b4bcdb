// Who may watch what: tokens out of requests, checked and turned into claims.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "net/http.h"
#include "net/jwt.h"
#include "options.h"

namespace camring::sseserve {

/// In the loop's turn.
class Gate {
 public:
  /// @throws Error as net::KeySet::load does.
  explicit Gate(const Options& options);
  void reload();  ///< reads the key file again; @throws Error, and what was in force stays so

  /// Whether two tokens are of one bearer: subjects are told apart by their issuers (RFC 7519,
  /// section 4.1.2).
  [[nodiscard]] static bool same_bearer(const net::Claims& one, const net::Claims& other) noexcept {
    return one.subject == other.subject && one.issuer == other.issuer;
  }

  struct Verdict {
    std::optional<net::Claims> claims;     ///< absent without tokens
    std::optional<net::Response> refusal;  ///< why not
  };
  /// Whether the request may have this channel of this camera; an empty channel: any of them; an empty camera
  /// too: it has a good token. A token that has expired is refused to the second, as it ends streams.
  [[nodiscard]] Verdict admit(const net::Request& request, const std::string& camera,
                              std::string_view channel) const;

 private:
  const Options& options_;
  std::unique_ptr<const net::KeySet> keys_;
};

}  // namespace camring::sseserve
