// What a client makes of server-sent events: how many fragments came, how old they were, which are missing.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

#include "support/histogram.h"

namespace bench {

struct LoadResult {
  std::uint64_t fragments = 0, bytes = 0;  ///< bytes as they come from the network, HTTP's included
  std::uint64_t missing = 0;               ///< numbers that were left out
  std::uint64_t gaps = 0;                  ///< "gap" events
  Histogram ages;                          ///< from the capture that the event tells to the event's last byte
};

/// Reads only as far as needed: names of events and their lines of JSON, of which it keeps the beginning.
/// What HTTP puts between chunks are lines that mean nothing.
class Scanner {
 public:
  /// @param now_ns  CLOCK_REALTIME, when the bytes came
  void take(std::span<const char> bytes, std::int64_t now_ns, LoadResult& result) noexcept;
  [[nodiscard]] bool has_fragment() const noexcept { return has_fragment_; }

 private:
  void line_ended(std::int64_t now_ns, LoadResult& result) noexcept;
  std::array<char, 280> line_;  // its beginning
  std::uint16_t filled_ = 0;
  bool is_fragment_ = false, has_fragment_ = false;
  std::uint64_t sequence_ = 0;
  double capture_ms_ = 0;
};

}  // namespace bench
