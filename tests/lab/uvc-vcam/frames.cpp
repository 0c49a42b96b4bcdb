#include "frames.h"

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace vcam {
namespace {

// Where the next frame starts, looking from `from`; the end of `data` if there is none.
size_t next_start(Kind kind, const Bytes& data, size_t from) {
  if (kind == Kind::kMjpeg) {
    constexpr uint8_t kEndThenStart[] = {0xff, 0xd9, 0xff, 0xd8};
    auto found = std::search(data.begin() + static_cast<ptrdiff_t>(from), data.end(),
                             std::begin(kEndThenStart), std::end(kEndThenStart));
    return found == data.end() ? data.size() : static_cast<size_t>(found - data.begin()) + 2;
  }
  // Annex B: each access unit starts with a delimiter, NAL unit type 9 (ITU-T H.264, 7.4.1.2.3 and table
  // 7-1).
  for (size_t i = from + 1; i + 3 < data.size(); ++i) {
    if (data[i] == 0 && data[i + 1] == 0 && data[i + 2] == 1 && (data[i + 3] & 31) == 9) {
      return data[i - 1] == 0 ? i - 1 : i;  // the start code may have four bytes
    }
  }
  return data.size();
}

std::vector<Bytes> load_clip(Kind kind, const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  Bytes data{std::istreambuf_iterator<char>(file), {}};
  std::vector<Bytes> frames;
  for (size_t start = 0; start < data.size();) {
    size_t end = next_start(kind, data, start + 1);
    frames.emplace_back(data.begin() + static_cast<ptrdiff_t>(start),
                        data.begin() + static_cast<ptrdiff_t>(end));
    start = end;
  }
  if (frames.empty()) throw std::runtime_error("no frames in " + path);
  return frames;
}

}  // namespace

// A ramp that moves by one pixel a frame; the first 32 pixels are the bits of the frame's number, lowest
// first.
const Bytes& Mode::frame(uint32_t number) {
  if (kind != Kind::kYuyv) return frames[number % frames.size()];
  const auto row_bytes = static_cast<size_t>(width) * 2;
  Bytes ramp(row_bytes + 512);
  for (size_t i = 0; i < ramp.size(); i += 2) {
    ramp[i] = static_cast<uint8_t>(i / 2);
    ramp[i + 1] = 128;
  }
  Bytes& picture = frames[0];
  for (size_t y = 0; y < static_cast<size_t>(height); ++y) {
    std::memcpy(&picture[y * row_bytes], &ramp[(number + y) % 256 * 2], row_bytes);
  }
  for (size_t i = 0; i < 32; ++i) picture[i * 2] = (number >> i & 1) != 0 ? 235 : 16;
  return picture;
}

void add_mode(std::vector<Format>& formats, const std::string& description) {
  char name[16] = "";
  char path[4096] = "";
  Mode mode{};
  const int fields =
      std::sscanf(description.c_str(), "%15[^:]:%dx%d:%4095s", name, &mode.width, &mode.height, path);
  const std::string kind = name;
  if (kind == "mjpeg" || kind == "h264") {
    mode.kind = kind == "mjpeg" ? Kind::kMjpeg : Kind::kH264;
  } else if (kind == "yuyv") {
    mode.kind = Kind::kYuyv;
  } else {
    throw std::runtime_error("--format " + description + ": the kind is mjpeg, h264 or yuyv");
  }
  if (fields != (mode.kind == Kind::kYuyv ? 3 : 4) || mode.width < 32 || mode.height < 1) {
    throw std::runtime_error("--format " + description +
                             ": give e.g. mjpeg:640x480:clip.mjpeg or yuyv:640x480");
  }
  if (mode.kind == Kind::kYuyv) {
    mode.frames.emplace_back(static_cast<size_t>(mode.width) * static_cast<size_t>(mode.height) * 2);
  } else {
    mode.frames = load_clip(mode.kind, path);
  }
  auto same =
      std::find_if(formats.begin(), formats.end(), [&](const Format& f) { return f.kind == mode.kind; });
  if (same == formats.end()) same = formats.insert(formats.end(), Format{mode.kind, {}});
  same->modes.push_back(std::move(mode));
}

}  // namespace vcam
