// What a client makes of RTP packets: frames, what was lost, how old they were.
#pragma once

#include <cstdint>
#include <span>

#include "support/histogram.h"

namespace bench {

struct LoadResult {
  std::uint64_t frames = 0, bytes = 0, packets = 0, lost = 0;  ///< bytes of RTP packets; frames without loss
  Histogram ages;  ///< of frames at their last packet: now minus the clock inside
};

/// One stream of H.264 (RFC 6184).
class Receiver {
 public:
  void take(std::span<const std::uint8_t> packet, std::int64_t now_ns, LoadResult& result) noexcept;
  /// When the first keyframe was complete: nothing can be shown before. 0: not yet.
  [[nodiscard]] std::int64_t first_picture_ns() const noexcept { return first_picture_ns_; }

 private:
  void look_at(std::span<const std::uint8_t> payload) noexcept;
  std::int64_t clock_ns_ = 0, first_picture_ns_ = 0;
  std::uint16_t expected_ = 0;
  bool begun_ = false, whole_ = true, keyframe_ = false;
};

}  // namespace bench
