#include "output_spec.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

#include "base/error.h"
#include "encoder.h"
#include "ring/ring_name.h"

namespace camring::shmpub {
namespace {

constexpr const char* kExample = "write e.g. cam0.mjpeg:mjpeg,1280x720@15,q80";
constexpr std::array<std::pair<std::string_view, std::uint64_t>, 3> kPresets{
    {{"low", 500'000}, {"medium", 2'000'000}, {"high", 5'000'000}}};
constexpr std::uint32_t kSmallestSide = 16;
constexpr std::uint64_t kLowestBitrate = 10'000;

[[noreturn]] void refuse(std::string_view spec, const std::string& reason, const std::string& advice) {
  throw Error(ExitCode::usage, "read output", std::string(spec), reason, advice);
}

bool starts_with_digit(std::string_view text) {
  return !text.empty() && text.front() >= '0' && text.front() <= '9';
}

template <class T>
void set_once(std::optional<T>& target, T value, std::string_view spec, const std::string& what) {
  if (target) refuse(spec, "it has two " + what, "write one");
  target = value;
}

void parse_part(OutputSpec& spec, std::string_view part) {
  if (const auto pixels = pixel_format_from(part))
    return set_once(spec.pixels, *pixels, spec.text, "pixel formats");
  for (const auto& [name, bitrate] : kPresets) {
    if (part == name) return set_once(spec.bitrate, bitrate, spec.text, "bit rates");
  }
  if (part.size() > 1 && part.front() == 'q') {
    const auto quality = static_cast<int>(parse_int(part.substr(1), 1, 100));
    return set_once(spec.quality, quality, spec.text, "qualities");
  }
  if (starts_with_digit(part)) {
    if (part.find('x') != std::string_view::npos)
      return set_once(spec.size, parse_size(part), spec.text, "sizes");
    return set_once(spec.bitrate, parse_bitrate(part), spec.text, "bit rates");
  }
  refuse(spec.text, "'" + std::string(part) + "' is no size, rate, quality, bit rate or pixel format",
         kExample);
}

// "1280x720@15": what stands before the @ and the rate behind it.
void parse_item(OutputSpec& spec, std::string_view item, bool first) {
  const auto at = item.find('@');
  const std::string_view part = item.substr(0, at);
  if (at != std::string_view::npos) set_once(spec.rate, parse_rate(item.substr(at + 1)), spec.text, "rates");
  if (first) {
    const auto codec = codec_from(part);
    if (!codec)
      refuse(spec.text, "'" + std::string(part) + "' is no codec", "write raw, mjpeg, h264 or hevc");
    spec.codec = *codec;
  } else if (!part.empty() || at == std::string_view::npos) {
    parse_part(spec, part);
  }
}

// What each codec can be told.
void check_parts(const OutputSpec& spec) {
  const bool video = is_video(spec.codec);
  const std::string codec(to_string(spec.codec));
  if (spec.quality && spec.codec != Codec::mjpeg) {
    refuse(spec.text, codec + " has no quality", video ? "give it a bit rate, e.g. 4M" : "leave the q out");
  }
  if (spec.bitrate && !video) {
    refuse(spec.text, codec + " has no bit rate",
           spec.codec == Codec::mjpeg ? "give it a quality, e.g. q80" : "leave it out");
  }
  if (spec.pixels && spec.codec != Codec::raw && !encodes(spec.codec, *spec.pixels)) {
    refuse(spec.text, codec + " does not hold " + std::string(to_string(*spec.pixels)),
           "leave the pixel format out");
  }
  if (spec.size && std::min(spec.size->width, spec.size->height) < kSmallestSide) {
    refuse(spec.text, to_string(*spec.size) + " is too small for a picture", "write 16x16 or more");
  }
  if (spec.size && video && *spec.size != Size{spec.size->width / 2 * 2, spec.size->height / 2 * 2}) {
    refuse(spec.text, codec + " has even sizes only, " + to_string(*spec.size) + " is not",
           "write " + to_string(Size{spec.size->width / 2 * 2, spec.size->height / 2 * 2}));
  }
  if (spec.bitrate && *spec.bitrate < kLowestBitrate) {
    refuse(spec.text, std::to_string(*spec.bitrate) + " bits a second is no picture",
           "write 10k or more, e.g. 2M");
  }
}

}  // namespace

OutputSpec parse_output(std::string_view text) {
  OutputSpec spec;
  spec.text = text;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) refuse(text, "it names no codec", kExample);
  spec.name = text.substr(0, colon);
  check_ring_name(spec.name);
  std::string_view rest = text.substr(colon + 1);
  try {
    for (bool first = true;; first = false) {
      const auto comma = rest.find(',');
      parse_item(spec, rest.substr(0, comma), first);
      if (comma == std::string_view::npos) break;
      rest.remove_prefix(comma + 1);
    }
  } catch (const std::invalid_argument& error) {
    refuse(text, error.what(), "");
  }
  check_parts(spec);
  return spec;
}

std::vector<OutputSpec> parse_outputs(const std::vector<std::string>& texts, const std::string& source) {
  if (texts.empty()) {
    throw Error(
        ExitCode::usage, "read options", "--out", "missing",
        "name a ring to write, e.g. --out " + (source == "-" ? "cam1" : source + ".mjpeg") + ":mjpeg");
  }
  std::vector<OutputSpec> specs;
  for (const std::string& text : texts) {
    OutputSpec spec = parse_output(text);
    if (spec.name == source) refuse(text, "it is the source itself", "give the output a name of its own");
    for (const OutputSpec& other : specs) {
      if (other.name == spec.name)
        refuse(text, "another output has this name", "give each a name of its own");
    }
    specs.push_back(std::move(spec));
  }
  return specs;
}

}  // namespace camring::shmpub
