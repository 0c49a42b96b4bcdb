// What the user orders with --out: NAME:CODEC[,PIXELFORMAT][,WxH][@FPS][,qN][,BITRATE].
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "frame/format.h"

namespace camring::shmpub {

/// One output ring as ordered; what is unset follows the source or the codec's habit.
struct OutputSpec {
  std::string name;
  Codec codec = Codec::none;
  std::optional<PixelFormat> pixels;  ///< raw: any of ours; mjpeg: i420, i422, i444 or gray8
  std::optional<Size> size;
  std::optional<Rate> rate;              ///< at most so many frames a second
  std::optional<int> quality;            ///< mjpeg: 1 to 100
  std::optional<std::uint64_t> bitrate;  ///< h264, hevc: bits a second
  std::string text;                      ///< as it was written
};

/// Parses one order. The parts behind the codec may come in any order, each once; @FPS may follow any of
/// them. The presets low, medium and high stand for 500k, 2M and 5M.
/// @throws Error (usage) that names the part that is wrong.
[[nodiscard]] OutputSpec parse_output(std::string_view text);

/// Parses all orders and looks at them together.
/// @param source  the ring that is read, or "-"
/// @throws Error (usage): none ordered, two of one name, one that is the source itself.
[[nodiscard]] std::vector<OutputSpec> parse_outputs(const std::vector<std::string>& texts,
                                                    const std::string& source);

}  // namespace camring::shmpub
