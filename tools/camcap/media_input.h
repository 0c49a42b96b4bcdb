// An opened file, stream or pipe: its video packets, and never a wait that a stop can't end.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "app/stop.h"
#include "av/ffmpeg_ptr.h"
#include "av/video_pipe.h"
#include "options.h"

namespace camring::camcap {

/// One thread.
class MediaInput {
 public:
  /// Opens and finds the video. @throws Error: no_input, data, no_permission, unavailable.
  MediaInput(const SourceSpec& spec, const Options& options, const app::Stop& stop);
  ~MediaInput();
  MediaInput(const MediaInput&) = delete;
  MediaInput& operator=(const MediaInput&) = delete;

  /// The next packet of the video stream; 0, or an FFmpeg error: AVERROR_EOF at the end, AVERROR_EXIT on a
  /// stop, AVERROR(ETIMEDOUT) when a stream was silent for longer than --timeout.
  [[nodiscard]] int read(AVPacket& packet);

  [[nodiscard]] const AVStream& stream() const noexcept {
    return pipe_ ? pipe_->stream() : *context_->streams[stream_];
  }
  [[nodiscard]] Rate rate() const noexcept;
  /// A time in the stream's own base, in ns; unset for AV_NOPTS_VALUE.
  [[nodiscard]] std::optional<std::int64_t> time_ns(std::int64_t stamp) const noexcept;
  /// Whether timestamps come from the source, not from libavformat's guess of 25 frames a second.
  [[nodiscard]] bool has_times() const noexcept { return has_times_; }
  /// Whether it has an end that is known: a file, also one on a web server, and no camera.
  [[nodiscard]] bool recorded() const noexcept { return recorded_; }

 private:
  static int interrupted(void* self);
  void open(const Options& options);
  void allow_time() noexcept;

  SourceSpec spec_;
  const app::Stop& stop_;
  std::int64_t timeout_ns_ = 0, deadline_ns_ = 0;
  std::unique_ptr<av::VideoPipe> pipe_;  // of stdin; else
  av::InputPtr context_;
  unsigned stream_ = 0;
  bool has_times_ = true, recorded_ = false;
};

}  // namespace camring::camcap
