// What a ring is made from and what a writer says with each frame.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "frame/format.h"
#include "frame/frame_info.h"

namespace camring {

/// How to make a ring.
struct RingSpec {
  std::string name = {};
  FrameFormat format = {};
  std::uint32_t frames = 0;       ///< frames to hold at least; 0: a sensible number for the format
  std::uint64_t arena_bytes = 0;  ///< payload bytes; 0: from the format and `frames`
  mode_t mode = 0640;
  std::optional<gid_t> group = {};  ///< unset: group "video" where this process may give files to it
  std::string writer = {};          ///< tool and version, for shmstat
  std::string source = {};          ///< what the frames come from, for shmstat; no secrets
  bool control = true;              ///< serve the control channel
};

/// What the writer says about a frame at commit; FrameInfo's other fields are the ring's own business.
struct CommitInfo {
  std::uint32_t flags = frame_flag::keyframe;
  std::int64_t capture_ns = 0;  ///< CLOCK_MONOTONIC
  std::optional<std::uint64_t> source_number =
      {};  ///< unset: this ring is the source: the frame's own number
  std::optional<std::int64_t> source_capture_ns = {};  ///< unset: capture_ns
  std::string_view metadata = {};                      ///< JSON, at most 4096 bytes; copied
};

/// What a reader can tell of a ring's writer. Decided by lock and state words, never by time alone.
enum class WriterState {
  absent,     ///< there is no ring of this name (yet, or any more)
  starting,   ///< the ring is there, no frame yet
  live,       ///< frames come
  no_signal,  ///< the writer lives and says that its source gives nothing
  stalled,    ///< the writer holds its lock but its loop has been silent for over a second: stopped or hung
  ended,      ///< the writer finished in an orderly way
  dead,       ///< the writer is gone without a word
};
[[nodiscard]] std::string_view to_string(WriterState state) noexcept;  ///< "absent", "live", "no-signal", …
/// What is wrong with a ring's writer, for people: "the ring's writer died". Empty while it is starting or
/// live.
[[nodiscard]] std::string_view trouble_of(WriterState state) noexcept;
/// Why a ring gives no frame, for who waits for one: never empty. "there is no ring 'cam0' yet".
[[nodiscard]] std::string no_frame_because(WriterState state, std::string_view ring);

}  // namespace camring
