// H.264 and HEVC of a ring or pipe to pictures, each with the identity of a frame that went in.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <utility>

#include "av/eight_bit.h"
#include "av/ffmpeg_ptr.h"
#include "av/image.h"
#include "frame/frame_ref.h"

namespace camring::av {

/// A decoded picture and the frame that carried it (without payload). Lives until the decoder's next call.
struct DecodedFrame {
  ImageView picture;
  FrameRef frame;
};

/// Decodes one stream. Where its pictures are reordered (B-frames), numbers and times are handed out in the
/// order of display all the same: a stream whose frames carry presentation times keeps each picture's own,
/// one whose frames carry times of arrival gets them in order. One thread at a time (libavcodec may use slice
/// threads of its own inside).
class VideoDecoder {
 public:
  /// @throws Error when libavcodec has no decoder for it or does not open.
  explicit VideoDecoder(const FrameFormat& format);

  /// One access unit. Nothing is decoded before the first keyframe. @return false: damaged (the stream goes
  /// on)
  [[nodiscard]] bool push(const FrameRef& frame);
  /// No more will come: pull() gives what is still inside. Then restart(), or no push() any more.
  void finish() noexcept;
  /// The next picture in order of display; false: push more first.
  [[nodiscard]] bool pull(DecodedFrame& out);
  /// Frames are left out from here on: starts again at the next keyframe.
  void restart() noexcept;
  [[nodiscard]] bool waits_for_keyframe() const noexcept { return !started_; }
  /// Pictures in a format that can't be brought to one of ours: since the last call.
  [[nodiscard]] std::uint64_t take_unconvertible() noexcept { return std::exchange(unconvertible_, 0); }

 private:
  struct Carried {
    std::int64_t key;
    FrameRef frame;
    std::string metadata;
  };
  using Position = std::deque<Carried>::iterator;
  void put_in_order(Position own) noexcept;
  void forget_lost(std::int64_t own_key) noexcept;

  CodecPtr context_;
  PacketPtr packet_ = make_packet();
  FramePtr frame_ = make_frame();
  EightBit eight_bit_;
  bool started_ = false;
  std::int64_t next_key_ = 0;
  std::deque<Carried> carried_;  // frames whose pictures are still inside the decoder, in order of decoding
  std::string metadata_;         // of the picture handed out
  std::uint64_t unconvertible_ = 0;
};

}  // namespace camring::av
