// H.264 and HEVC of a ring or pipe to pictures, each with the identity of the frame that it came in.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include "av/eight_bit.h"
#include "av/ffmpeg_ptr.h"
#include "av/image.h"
#include "source.h"

namespace camring::shmpub {

/// A decoded picture and the frame that carried it (without payload). Lives until the decoder's next call.
struct DecodedFrame {
  av::ImageView picture;
  SourceFrame frame;
};

/// Decodes one stream. One thread at a time (libavcodec may use slice threads of its own inside).
class VideoDecoder {
 public:
  /// @throws Error when libavcodec has no decoder for it or does not open.
  explicit VideoDecoder(const FrameFormat& format);

  /// One access unit. Nothing is decoded before the first keyframe. @return false: damaged (the stream goes
  /// on)
  [[nodiscard]] bool push(const SourceFrame& frame);
  /// The next picture in order of display; false: push more first.
  [[nodiscard]] bool pull(DecodedFrame& out);
  /// Frames are left out from here on: starts again at the next keyframe.
  void restart() noexcept;
  [[nodiscard]] bool waits_for_keyframe() const noexcept { return !started_; }

 private:
  struct Carried {
    std::int64_t key;
    SourceFrame frame;
    std::string metadata;
  };
  av::CodecPtr context_;
  av::PacketPtr packet_ = av::make_packet();
  av::FramePtr frame_ = av::make_frame();
  av::EightBit eight_bit_;
  bool started_ = false;
  std::int64_t next_key_ = 0;
  std::deque<Carried> carried_;  // frames whose pictures are still inside the decoder
  std::string metadata_;         // of the picture handed out
};

}  // namespace camring::shmpub
