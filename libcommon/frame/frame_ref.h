// One frame of any source on its way through a tool: what is known of it, and where its bytes are.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "frame/frame_info.h"

namespace camring {

/// Owns nothing; who hands it out says for how long the bytes live.
struct FrameRef {
  FrameInfo info;
  std::int64_t timeline_ns = 0;  ///< what rates are measured on: capture time; in a pipe the stream's own
  std::span<const std::uint8_t> payload;
  std::string_view metadata;  ///< JSON, may be empty
};

}  // namespace camring
