#include "base/error.h"

#include <cerrno>
#include <system_error>

namespace camring {
namespace {

std::string join(const std::string& action, const std::string& object, const std::string& reason,
                 const std::string& advice) {
  std::string text = action;
  if (!object.empty()) text += ": " + object;
  if (!reason.empty()) text += ": " + reason;
  if (!advice.empty()) text += "; " + advice;
  return text;
}

ExitCode code_of(int errno_value, ExitCode fallback) {
  switch (errno_value) {
    case EACCES:
    case EPERM:
      return ExitCode::no_permission;
    case ENOENT:
      return ExitCode::no_input;
    default:
      return fallback;
  }
}

}  // namespace

Error::Error(ExitCode code, const std::string& action, const std::string& object, const std::string& reason,
             const std::string& advice)
    : std::runtime_error(join(action, object, reason, advice)), code_(code), reason_(reason) {}

Error system_error(int errno_value, const std::string& action, const std::string& object,
                   const std::string& advice, ExitCode fallback) {
  return {code_of(errno_value, fallback), action, object, errno_text(errno_value), advice};
}

std::string errno_text(int errno_value) { return std::generic_category().message(errno_value); }

}  // namespace camring
