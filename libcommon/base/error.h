// Errors of setting up: each says what was tried, on what, why it failed and what to do about it.
// Per-frame code returns [[nodiscard]] enums and optionals instead and never throws.
#pragma once

#include <stdexcept>
#include <string>

#include "base/exit_code.h"

namespace camring {

/// The one exception type of camring. what() reads "action: object: reason; advice".
class Error : public std::runtime_error {
 public:
  /// @param code    the exit code that a tool ends with when nobody catches this
  /// @param action  what was tried, e.g. "open ring"
  /// @param object  on what, e.g. "cam0" (may be empty)
  /// @param reason  why it failed, e.g. "no such ring"
  /// @param advice  what the user can do, e.g. "start camcap first" (may be empty)
  Error(ExitCode code, const std::string& action, const std::string& object, const std::string& reason,
        const std::string& advice = {});

  [[nodiscard]] ExitCode code() const noexcept { return code_; }
  [[nodiscard]] const std::string& reason() const noexcept { return reason_; }

 private:
  ExitCode code_;
  std::string reason_;
};

/// An Error from an errno value: EACCES and EPERM give no_permission, ENOENT no_input, all else `fallback`.
[[nodiscard]] Error system_error(int errno_value, const std::string& action, const std::string& object,
                                 const std::string& advice = {}, ExitCode fallback = ExitCode::system);

/// strerror without its shared buffer. Safe from any thread.
[[nodiscard]] std::string errno_text(int errno_value);

}  // namespace camring
