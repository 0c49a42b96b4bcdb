// Runs a source in a thread of its own, so that whatever blocks there, the ring's heart beats and a stop is
// obeyed in time.
#pragma once

#include "app/tool.h"
#include "source.h"

namespace camring::camcap {

/// Captures until the source ends or a stop is requested; then closes the ring. A source that is stuck in the
/// system (a resolver, a dead network file system) does not delay a stop: the process then ends right here.
/// @throws Error as the source does.
[[nodiscard]] ExitCode capture(Source& source, Output& output, app::Context& context);

}  // namespace camring::camcap
