// Pictures out of an image, a video file or stdin: whatever libavformat opens without a network.
#pragma once

#include <memory>
#include <string>

#include "av/ffmpeg_ptr.h"
#include "av/image.h"
#include "frame/frame_info.h"

namespace camring::framecheck {

/// One thread.
class MediaFeed {
 public:
  /// @param path  a file, or "-" for stdin
  /// @throws Error: no_input, no_permission; data: nothing in it can be decoded.
  explicit MediaFeed(const std::string& path);
  /// The next picture in order; false at the end (or where the data can't be read any further).
  [[nodiscard]] bool next();
  [[nodiscard]] const av::ImageView& picture() const noexcept { return picture_; }  ///< until next()
  /// Numbers count pictures; capture times are the file's.
  [[nodiscard]] const FrameInfo& info() const noexcept { return info_; }

 private:
  [[nodiscard]] bool take();

  av::InputPtr input_;
  av::CodecPtr codec_;
  av::PacketPtr packet_ = av::make_packet();
  av::FramePtr frame_ = av::make_frame();
  struct FreeScaler {
    void operator()(SwsContext* context) const noexcept { sws_freeContext(context); }
  };
  std::unique_ptr<SwsContext, FreeScaler> to_rgb_;
  av::Image converted_;
  av::ImageView picture_;
  FrameInfo info_;
  int stream_ = -1;
  bool draining_ = false;
};

}  // namespace camring::framecheck
