// What the command line says.
#pragma once

#include <chrono>
#include <CLI/CLI.hpp>
#include <map>
#include <string>
#include <vector>

#include "net/server.h"

namespace camring::sseserve {

enum class Channel : std::uint8_t { raw, annotated };
inline constexpr std::size_t kChannels = 2;
[[nodiscard]] const char* to_string(Channel channel) noexcept;
[[nodiscard]] std::optional<Channel> channel_from(std::string_view name) noexcept;

/// A ring and the name under which viewers ask for it.
struct QualitySpec {
  std::string name, ring;
};
struct CameraSpec {
  std::string name;
  std::array<std::vector<QualitySpec>, kChannels> channels;  ///< the first quality is the one by default
};
/// "cam0,raw=cam0.high,annotated.low=cam0.ai.low": a name, then channels, each with a quality ("default"
/// where none is named) and its ring. @throws std::invalid_argument
[[nodiscard]] CameraSpec parse_camera(std::string_view text);

/// How raw and annotated pictures are brought to the same moment.
enum class SyncMode : std::uint8_t {
  hold,  ///< raw waits for as long as the annotated channel takes
  best,  ///< raw waits, but never longer than the tolerance, and not in vain
  none,  ///< both go out as they come
};

[[nodiscard]] const char* to_string(SyncMode mode) noexcept;

struct Options {
  std::vector<std::string> camera_texts;
  std::vector<CameraSpec> cameras;
  std::vector<std::string> listen;
  std::string tls_cert, tls_key;
  std::string auth = "none", jwt_key, jwt_issuer, jwt_audience;
  std::string fragment = "frame", sync = "hold";
  std::chrono::nanoseconds fragment_time{0};  ///< 0: each access unit for itself
  SyncMode sync_mode = SyncMode::hold;
  std::chrono::nanoseconds tolerance = std::chrono::milliseconds(50);
  unsigned max_violations = 5;
  std::chrono::nanoseconds heartbeat = std::chrono::seconds(30);
  std::chrono::nanoseconds stale_after = std::chrono::seconds(2);
  std::size_t max_connections = 100, max_per_user = 20;
  net::ServerOptions server;
};

void declare_options(CLI::App& cli, Options& options);
/// @throws Error (usage)
void check_options(Options& options);

}  // namespace camring::sseserve
