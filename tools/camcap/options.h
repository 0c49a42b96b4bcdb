// What the command line says, and which kind of source a word on it means.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "app/ring_access.h"
#include "base/units.h"
#include "frame/format.h"

namespace camring::camcap {

enum class SourceKind { v4l2, file, network, standard_input, test };

/// A source as the user wrote it, understood.
struct SourceSpec {
  SourceKind kind = SourceKind::test;
  std::string address;  ///< device, path, URL or name of the pattern; may hold a password
  std::string name;     ///< for people: the same without a password
};

/// Understands "/dev/video0", "v4l2:PATH", "file:PATH", an existing file, "rtsp://…", "http://…", "-",
/// "test:".
/// @throws Error: usage (no such kind), no_input (neither a kind nor a file).
[[nodiscard]] SourceSpec parse_source(const std::string& text);

struct Options {
  std::string source, ring;
  std::string format;  ///< empty: the source chooses
  std::optional<Size> size;
  std::optional<Rate> fps;
  std::uint64_t count = 0;   ///< frames to take; 0: no end
  std::uint32_t frames = 0;  ///< the ring's depth; 0: sensible for the format
  app::RingAccess access;
  bool loop = false, fast = false, decode = false;
  bool exit_on_device_error = false;
  std::string rtsp_transport = "tcp";
  std::string credentials;
  std::chrono::nanoseconds timeout = std::chrono::seconds(5);

  /// What `format` names. @throws Error (usage) for a name that nobody knows.
  [[nodiscard]] Codec codec() const;               ///< raw for pixel formats; none when `format` is empty
  [[nodiscard]] PixelFormat pixel_format() const;  ///< none when `format` is empty or a codec
};

}  // namespace camring::camcap
