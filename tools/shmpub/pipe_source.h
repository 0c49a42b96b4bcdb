// Another program's video on stdin: y4m, MJPEG, H.264 or HEVC. Every frame is taken, and the pipe waits for
// us.
#pragma once

#include <functional>

#include "app/stop.h"
#include "av/video_pipe.h"
#include "source.h"

namespace camring::shmpub {

class PipeSource final : public Source {
 public:
  /// @param fd       a readable descriptor, not owned; no terminal
  /// @param waiting  called several times a second while the pipe gives nothing (next() can't return then)
  /// @throws Error (usage) when `fd` is a terminal.
  PipeSource(int fd, const app::Stop& stop, std::function<void()> waiting);

  /// Waits for as long as the other program does; returns idle on a stop.
  /// @throws Error (data) when the stream is none of the four, breaks off in a way that can't be read over,
  /// or ends
  ///   before its first frame.
  [[nodiscard]] SourceEvent next(SourceFrame& frame, std::chrono::nanoseconds timeout) override;
  [[nodiscard]] bool still_valid(const SourceFrame& /*frame*/) const noexcept override { return true; }
  [[nodiscard]] const FrameFormat& format() const noexcept override { return format_; }
  [[nodiscard]] std::string trouble() const override { return {}; }
  [[nodiscard]] SourceLosses losses() const noexcept override { return losses_; }

 private:
  [[nodiscard]] FrameFormat stream_format() const;
  [[nodiscard]] std::int64_t stream_time_ns(std::int64_t now) const noexcept;

  const app::Stop& stop_;
  av::VideoPipe pipe_;
  bool opened_ = false;
  av::PacketPtr packet_ = av::make_packet();
  FrameFormat format_;
  SourceLosses losses_;
  std::uint64_t count_ = 0;
};

}  // namespace camring::shmpub
