// A camera behind V4L2.
#pragma once

#include "coded_feed.h"
#include "source.h"
#include "v4l2_choice.h"

namespace camring::camcap {

class V4l2Source final : public Source {
 public:
  V4l2Source(std::string device, const Options& options);

  /// Frames with the driver's own time and sequence. A broken stream is started again a few times; a device
  /// that is gone ends it.
  /// @throws Error: no_input, no_permission, temporary (in use; unplugged; broken for good), data (not a
  /// camera; the format is not offered), system.
  void run(Output& output, const app::Stop& stop) override;

 private:
  enum class Step { more, fault };
  [[nodiscard]] V4l2Mode choose(const V4l2Device& device) const;
  [[nodiscard]] Step wait_and_take(V4l2Device& device, Output& output, const app::Stop& stop);
  void take(const V4l2Buffer& buffer, Output& output);
  void take_raw(const V4l2Buffer& buffer, const FrameTiming& timing, Output& output);
  [[nodiscard]] FrameTiming timing(const V4l2Buffer& buffer) const noexcept;

  std::string device_;
  V4l2Wish wish_;
  FrameFormat format_;
  std::optional<CodedFeed> feed_;
  std::optional<std::uint32_t> last_sequence_;
  std::int64_t last_frame_ns_ = 0;
  int faults_ = 0;
  bool silent_ = false;
  app::RepeatingFault broken_;
};

}  // namespace camring::camcap
