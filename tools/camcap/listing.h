// --list-devices and --list-formats: tables for people, one JSON object a line for programs.
#pragma once

#include <string>

#include "base/exit_code.h"

namespace camring::camcap {

/// Cameras on stdout; nodes that can't be captured from are left out. ok, even when there is none.
[[nodiscard]] ExitCode list_devices(bool json);
/// What one camera offers. @throws Error as V4l2Device does.
[[nodiscard]] ExitCode list_formats(const std::string& device, bool json);

}  // namespace camring::camcap
