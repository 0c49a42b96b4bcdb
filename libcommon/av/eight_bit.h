// Pictures that decoders give in formats that rings don't have: more than 8 bits, 4:1:1, semi-planar 4:2:2, …
#pragma once

#include <memory>

#include "av/ffmpeg_ptr.h"
#include "av/image.h"

struct SwsContext;

namespace camring::av {

/// Brings a decoded frame to the nearest of our formats at the same size: as much chroma, 8 bits. One thread
/// at a time.
class EightBit {
 public:
  /// The frame itself where a ring has its format, else a copy that lives until the next call. Empty when
  /// libswscale can't read it.
  [[nodiscard]] ImageView view(const AVFrame& frame);

 private:
  struct Free {
    void operator()(SwsContext* context) const noexcept;
  };
  std::unique_ptr<SwsContext, Free> context_;
  Image picture_;
};

}  // namespace camring::av
