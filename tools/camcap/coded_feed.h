// Compressed frames on their way into the ring: whole ones pass untouched, broken ones are counted, and a
// reader can start at every keyframe.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "av/bitstream.h"
#include "output.h"

namespace camring::camcap {

/// One elementary stream of MJPEG, H.264 or HEVC. Configures its Output with the first good frame, and again
/// when size or parameter sets change. Of the capture thread.
class CodedFeed {
 public:
  /// @param codec      not raw
  /// @param size       what the container or driver says; the stream's own word counts more
  /// @param extradata  parameter sets from outside the stream, Annex B; may be empty
  CodedFeed(Output& output, Codec codec, Size size, Rate rate, std::span<const std::uint8_t> extradata = {});

  /// Takes one image or access unit (Annex B). Adds the Huffman tables to JPEG images that lack them, and
  /// the parameter sets to H.264 and HEVC keyframes that lack them; else the bytes stay as they are.
  /// @throws Error when a new format's ring can't be made.
  void put(std::span<const std::uint8_t> bytes, const FrameTiming& timing);

  /// The stream begins anew: what comes before the next keyframe can't be decoded.
  void restart() noexcept { started_ = false; }

 private:
  void put_jpeg(std::span<const std::uint8_t> bytes, FrameTiming timing);
  void put_access_unit(std::span<const std::uint8_t> bytes, FrameTiming timing);
  [[nodiscard]] FrameFormat format(Size size) const;

  Output& output_;
  Codec codec_;
  Size size_;
  Rate rate_;
  std::optional<av::StreamInspector> inspector_;
  bool started_ = false;
};

}  // namespace camring::camcap
