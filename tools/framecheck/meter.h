// From pictures to figures: measures each picture, keeps the last few, and knows since when nothing moved.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "frame/frame_info.h"
#include "metrics.h"
#include "vision/luma.h"
#include "vision/spatial.h"
#include "vision/temporal.h"

namespace camring::framecheck {

/// What is known after a picture. Values are medians of the last samples.
struct Reading {
  Values values;
  std::uint64_t pictures = 0;
  std::uint64_t frame_number = 0;
  Size size;
  bool region_outside = false;  ///< the picture has nothing of the region that was asked for
  bool placeholder = false;     ///< the newest picture was made by a tool
  std::uint64_t equal_frames =
      0;  ///< how many in a row, the newest included, show exactly the same; 0 or >= 2
  std::chrono::nanoseconds equal_for{0};  ///< by their capture times
  double p5 = 0, p95 = 0;
};

/// One thread.
class Meter {
 public:
  /// @param samples  how many pictures medians are taken over
  Meter(std::optional<vision::Region> region, std::size_t samples) : region_(region), samples_(samples) {}
  /// Measures a picture. `picture` and its bytes are not kept.
  void add(const av::ImageView& picture, const FrameInfo& info);
  [[nodiscard]] const Reading& reading() const noexcept { return reading_; }
  /// Drops what add() just did to count and medians: the bytes were overwritten meanwhile. Once after an
  /// add().
  void take_back();

 private:
  void compare(const vision::LumaView& luma, const FrameInfo& info, Values& values);
  void summarise();

  std::optional<vision::Region> region_;
  std::size_t samples_;
  vision::LumaReader luma_;
  vision::SpatialMeter spatial_;
  vision::TemporalMeter temporal_;
  struct Sample {
    Values values;
    double p5, p95;
  };
  std::deque<Sample> window_;
  Reading reading_;
  std::int64_t equal_since_ns_ = 0, last_capture_ns_ = 0;
};

}  // namespace camring::framecheck
