#include "options.h"

#include <sys/stat.h>

#include <array>
#include <string_view>

#include "base/error.h"
#include "frame/format.h"
#include "url.h"

namespace camring::camcap {
namespace {

constexpr const char* kKinds =
    "write /dev/video0, file:PATH, rtsp://HOST/PATH, http://HOST/PATH, test: or - for standard input";

constexpr std::array<std::string_view, 4> kNetwork{"rtsp", "rtsps", "http", "https"};

SourceSpec local_file(const std::string& path, const std::string& text) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) {
    if (path.starts_with("/dev/video")) return {SourceKind::v4l2, path, path};  // its own words for "absent"
    throw Error(ExitCode::no_input, "open source", text, "no such file or kind of source", kKinds);
  }
  if (S_ISCHR(status.st_mode)) return {SourceKind::v4l2, path, path};
  return {SourceKind::file, path, "file:" + path};
}

bool is_network(std::string_view scheme) {
  for (const std::string_view known : kNetwork) {
    if (scheme == known) return true;
  }
  return false;
}

}  // namespace

SourceSpec parse_source(const std::string& text) {
  if (text == "-") return {SourceKind::standard_input, text, "standard input"};
  if (const auto slashes = text.find("://"); slashes != std::string::npos) {
    if (is_network(text.substr(0, slashes))) return {SourceKind::network, text, mask_url(text)};
    throw Error(ExitCode::usage, "open source", mask_url(text), "unknown kind of source", kKinds);
  }
  const auto colon = text.find(':');
  const std::string kind = colon == std::string::npos ? "" : text.substr(0, colon);
  const std::string rest = colon == std::string::npos ? text : text.substr(colon + 1);
  if (kind == "test") return {SourceKind::test, rest, "test:" + rest};
  if (kind == "file") return {SourceKind::file, rest, text};
  if (kind == "v4l2") return {SourceKind::v4l2, rest, rest};
  return local_file(text, text);
}

Codec Options::codec() const {
  if (format.empty()) return Codec::none;
  if (const auto known = codec_from(format)) return *known;
  if (pixel_format_from(format)) return Codec::raw;
  throw Error(ExitCode::usage, "use format", "'" + format + "'", "unknown",
              "write MJPEG, H264, HEVC, YUYV, UYVY, NV12, YU12, 422P, RGB3, BGR3 or GREY");
}

PixelFormat Options::pixel_format() const {
  return format.empty() ? PixelFormat::none : pixel_format_from(format).value_or(PixelFormat::none);
}

}  // namespace camring::camcap
