// A picture that proves itself: it moves, shows its frame number and clock to people, and carries both as
// blocks for programs (pattern_code.h). Cheap enough to draw at 1080p60 straight into a ring.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "frame/format.h"
#include "frame/pattern_code.h"

namespace camring {

enum class PatternStyle {
  moving,  ///< a colour gradient with boxes that travel across it
  bars,    ///< 75 % colour bars, still but for the code and the text
};

/// Draws frames of one raw format. Keeps two pictures of the format's size; drawing allocates nothing.
class TestPattern {
 public:
  /// @throws std::invalid_argument when the format is not raw.
  explicit TestPattern(const FrameFormat& format, PatternStyle style = PatternStyle::moving);

  /// Fills all of `frame` (format.raw_bytes() bytes). The same code gives the same picture.
  void draw(std::span<std::uint8_t> frame, const PatternCode& code) const noexcept;

  /// The colour that the numbers mean: limited-range BT.601; RGB is full range.
  [[nodiscard]] static Colour colour(PixelFormat pixels) noexcept;

 private:
  struct Box {
    std::uint32_t x, y, side;
  };
  void move_box(std::span<std::uint8_t> frame, const Box& box) const noexcept;
  void write_texts(std::span<std::uint8_t> frame, const PatternCode& code) const noexcept;

  FrameFormat format_;
  PatternStyle style_;
  std::vector<std::uint8_t> ground_, marks_;  // the boxes are windows onto the second picture
};

}  // namespace camring
