// Words in the corner of every picture: when it was captured, or whose it is.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "av/image.h"

namespace camring::shmpub {

class Overlay {
 public:
  enum class Kind { off, time, name };
  /// @throws std::invalid_argument for anything but time, name and off.
  [[nodiscard]] static Kind parse(std::string_view text);

  Overlay() = default;
  Overlay(Kind kind, std::string name) : kind_(kind), name_(std::move(name)) {}
  [[nodiscard]] explicit operator bool() const noexcept { return kind_ != Kind::off; }

  /// Draws into the lower left corner, as large as the picture allows; grey where the format has colour. Any
  /// thread.
  /// @param capture_ns  CLOCK_MONOTONIC; shown as local time of day
  void draw(const av::ImageSpan& picture, std::int64_t capture_ns) const;

 private:
  Kind kind_ = Kind::off;
  std::string name_;
};

/// "2026-11-21 03:07:05.123", local time.
[[nodiscard]] std::string overlay_time(std::int64_t wall_ns);

}  // namespace camring::shmpub
