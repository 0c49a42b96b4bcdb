// What all sources of frames have in common: they run in the capture thread and fill an Output.
#pragma once

#include <memory>
#include <string>

#include "app/stop.h"
#include "options.h"
#include "output.h"

namespace camring::camcap {

/// One camera, file, stream or pattern.
class Source {
 public:
  virtual ~Source() = default;
  /// Opens the source and puts its frames into `output` until the source ends, output.done() or a stop is
  /// requested; looks at the stop at least every 100 ms wherever the system lets it. Returns at an orderly
  /// end.
  /// @throws Error as each source documents it.
  virtual void run(Output& output, const app::Stop& stop) = 0;
};

/// @throws Error (usage, no_input) for a source that does not exist or is of no known kind.
[[nodiscard]] std::unique_ptr<Source> make_source(const SourceSpec& spec, const Options& options);

}  // namespace camring::camcap
