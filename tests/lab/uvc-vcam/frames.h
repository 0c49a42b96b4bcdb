// What the emulated camera can show: per format the modes, and per mode its frames, from a file or painted.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace vcam {

using Bytes = std::vector<uint8_t>;

enum class Kind { kMjpeg, kH264, kYuyv };

// One size of a format.
struct Mode {
  int width;
  int height;
  // The frames of the clip, shown in a loop; for kYuyv one buffer that is painted anew for each frame.
  std::vector<Bytes> frames;
  Kind kind;

  // The frame to show as number `number`; valid until the next call.
  const Bytes& frame(uint32_t number);
};

struct Format {
  Kind kind;
  std::vector<Mode> modes;
};

// Parses KIND:WxH[:FILE], reads FILE, and adds the mode to the format of its kind. Throws std::runtime_error.
void add_mode(std::vector<Format>& formats, const std::string& description);

}  // namespace vcam
