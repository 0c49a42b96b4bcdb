// What rings there are, for shmstat and for health checks. Looks at files only; hurts nobody.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "ring/control.h"
#include "ring/ring_types.h"

namespace camring {

/// One ring as found in the directory.
struct RingStatus {
  std::string name;
  std::string
      problem;  ///< why the ring could not be read (permission, version, damaged); empty when all is well
  FrameFormat format;
  WriterState state = WriterState::absent;
  std::uint64_t epoch = 0;
  std::uint64_t head = 0;  ///< frames published so far, over all generations
  std::uint64_t held = 0;  ///< frames that can be read now
  std::uint64_t arena_bytes = 0, used_bytes = 0, file_bytes = 0;
  std::uint32_t depth = 0;
  double measured_fps = 0;             ///< from the capture times held; 0 with fewer than two frames
  std::optional<std::int64_t> age_ns;  ///< since the capture of the newest frame
  std::optional<std::int64_t> publish_age_ns;
  pid_t writer_pid = 0;
  std::string writer, source;
  std::int64_t created_wall_ns = 0;
  std::optional<std::vector<Consumer>> consumers;  ///< unset when the writer did not answer
  std::optional<Correction> correction;            ///< that the writer keeps
};

/// Rings in the ring directory, by name; companions of rings that are gone are listed too, with a problem.
/// @param ask_consumers ask each live writer for its consumers (one local round trip of at most 200 ms each)
[[nodiscard]] std::vector<RingStatus> list_rings(bool ask_consumers);
/// One ring. @throws Error (no_input) when there is none.
[[nodiscard]] RingStatus ring_status(const std::string& name, bool ask_consumers);

/// Removes the files of a ring whose writer is dead. False when a writer lives (nothing is removed).
/// @throws Error: no_input, no_permission.
bool remove_dead_ring(const std::string& name);

}  // namespace camring
