// Pictures out of a ring, and what else of the ring says whether the camera is well: rate, age, its writer.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "av/image.h"
#include "av/jpeg.h"
#include "judge.h"
#include "ring/ring_reader.h"

namespace camring::framecheck {

/// One thread.
class RingFeed {
 public:
  enum class Got {
    picture,
    nothing,     ///< in this time
    unreadable,  ///< a frame that is damaged or was overwritten
    moved,       ///< another generation: look at format()
  };
  /// @throws Error as RingReader does.
  explicit RingFeed(std::string name);

  /// The ring's newest `count` frames come next, of those that are there already.
  void rewind(std::size_t count);
  /// The next frame; `newest`: the newest of those that wait.
  /// @throws Error (data): the ring holds video; says the shmpub command.
  [[nodiscard]] Got next(std::chrono::nanoseconds timeout, bool newest);
  /// Of the last Got::picture; until the next call.
  [[nodiscard]] const av::ImageView& picture() const noexcept { return picture_; }
  [[nodiscard]] const FrameView& frame() const noexcept { return view_; }
  /// Whether that was captured longer ago than this.
  [[nodiscard]] bool older_than(std::chrono::nanoseconds age) const;
  /// Whether picture() is whole up to now.
  [[nodiscard]] bool intact() const noexcept { return decoded_in_use_ || reader_.still_valid(view_); }
  /// The last frame's bytes, copied. False: overwritten.
  [[nodiscard]] bool copy(std::vector<std::uint8_t>& payload, std::string& metadata) const {
    return reader_.copy(view_, payload, &metadata);
  }

  [[nodiscard]] const RingReader& reader() const noexcept { return reader_; }
  /// Frames a second by capture times over three seconds, or over four frames where that is longer; empty
  /// until four were seen.
  [[nodiscard]] std::optional<double> fps() const;
  /// Adds age and rate to the values. Of a ring that is not there and gave no frame there is no age.
  void add_state(Values& values) const;
  /// Adds to the verdict what is wrong with the ring's writer.
  void judge_writer(Verdict& verdict) const;

 private:
  void note(const FrameInfo& info);
  [[nodiscard]] Got decode();
  [[nodiscard]] std::optional<double> rate_of_steps() const;

  std::string name_;
  RingReader reader_;
  FrameView view_;
  av::ImageView picture_;
  av::JpegDecoder jpeg_;
  av::Image decoded_;
  std::vector<std::uint8_t> bytes_;
  bool decoded_in_use_ = false;
  struct Seen {
    std::uint64_t number;
    std::int64_t capture_ns;
  };
  std::deque<Seen> seen_;  ///< that the rate is measured over: of one generation
  std::int64_t began_ns_;
  std::optional<std::int64_t> newest_ns_;  ///< when the newest frame of any generation was captured
};

}  // namespace camring::framecheck
