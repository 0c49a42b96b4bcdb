// The frames of one ring as moments, and what their pictures say of them.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "frame/pattern_code.h"
#include "ring/ring_reader.h"
#include "sync/moment.h"

namespace camring::syncmon {

/// What is kept of a frame.
struct Sighting {
  sync::Moment moment;
  std::int64_t capture_ns = 0;
  std::int64_t period_ns = 0;       ///< of the ring's format; 0: unknown
  bool inferred = false;            ///< its capture time was estimated
  std::optional<PatternCode> code;  ///< with content only, as the next
  std::optional<double> luma;       ///< mean, 0 to 255
};

/// One thread.
class RingFeed {
 public:
  /// @param content  look into the pictures @throws Error as RingReader does.
  RingFeed(std::string name, bool content);
  /// The next frame, the oldest that is held first; false: none in this time.
  /// @throws Error (data): the pictures are to be looked at and are compressed; says the shmpub command.
  [[nodiscard]] bool next(std::chrono::nanoseconds timeout);
  [[nodiscard]] const Sighting& sighting() const noexcept { return sighting_; }  ///< of the last frame
  [[nodiscard]] const RingReader& reader() const noexcept { return reader_; }
  [[nodiscard]] const std::string& name() const noexcept { return name_; }

 private:
  [[nodiscard]] bool look();
  [[nodiscard]] bool paused(const FrameInfo& info);
  void check_format() const;

  std::string name_;
  bool content_;
  RingReader reader_;
  FrameView view_;
  Sighting sighting_;
  bool gap_ = false;
  std::int64_t connected_ns_, published_ns_ = 0;
};

}  // namespace camring::syncmon
