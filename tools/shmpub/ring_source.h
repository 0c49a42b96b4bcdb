// A ring as source: raw frames in place, compressed ones copied before anything parses them; the newest wins
// where each frame stands for itself.
#pragma once

#include <string>
#include <vector>

#include "ring/ring_reader.h"
#include "source.h"

namespace camring::shmpub {

class RingSource final : public Source {
 public:
  /// A ring that is not there yet is waited for. @throws Error as RingReader does.
  explicit RingSource(const std::string& name);
  [[nodiscard]] SourceEvent next(SourceFrame& frame, std::chrono::nanoseconds timeout) override;
  [[nodiscard]] bool still_valid(const SourceFrame& frame) const noexcept override;
  [[nodiscard]] const FrameFormat& format() const noexcept override { return reader_.format(); }
  [[nodiscard]] std::string trouble() const override;
  [[nodiscard]] SourceLosses losses() const noexcept override { return losses_; }
  void set_demand(bool wanted) override { reader_.set_demand(wanted); }
  void request_keyframe() override { reader_.request_keyframe(); }

 private:
  [[nodiscard]] bool video() const noexcept;
  [[nodiscard]] bool too_late(const FrameInfo& frame) noexcept;

  RingReader reader_;
  std::int64_t began_ns_ = 0;  // when the first frame of this generation came
  bool been_fresh_ = false;
  bool catching_up_ = false;  // nothing is taken until a fresh keyframe
  bool left_out_ = false;     // frames of video since the last one handed out
  bool announced_ = false;    // the generation that the reader found when it was made
  FrameView view_;
  std::vector<std::uint8_t> bytes_;
  std::string metadata_;
  SourceLosses losses_;
};

}  // namespace camring::shmpub
