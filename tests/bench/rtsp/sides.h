// The servers that are measured, each in a process of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "clip.h"
#include "support/process.h"

namespace bench {

/// A server that runs; it and what feeds it die with this object.
struct Server {
  Child feeder, process;
  int port = 0;
};

struct Side {
  virtual ~Side() = default;
  [[nodiscard]] virtual std::string name() const = 0;
  /// Starts the server and waits until a client is welcome. @throws std::runtime_error when that fails.
  [[nodiscard]] virtual Server start(bool udp) const = 0;
};

[[nodiscard]] std::unique_ptr<Side> make_limit_side(const Clip& clip);
/// @param program  rtspserve; a ring in CAMRING_DIR feeds it
[[nodiscard]] std::unique_ptr<Side> make_rtspserve_side(const Clip& clip, const std::string& program);
/// @param program  bench_rtsp_gst @param clip_path  a saved clip
[[nodiscard]] std::unique_ptr<Side> make_gstreamer_side(const std::string& program,
                                                        const std::string& clip_path);

}  // namespace bench
