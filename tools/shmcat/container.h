// How frames are written one behind the other: y4m, raw, MJPEG, Annex B, NUT.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "frame/format.h"
#include "frame/frame_info.h"

namespace camring::shmcat {

enum class ContainerKind { natural, y4m, raw, mjpeg, h264, hevc, nut };
[[nodiscard]] std::optional<ContainerKind> container_from(std::string_view name) noexcept;

/// Turns frames into a stream's bytes. One thread.
class Container {
 public:
  virtual ~Container() = default;
  /// A new format, also the first. @throws Error (data) when the stream can't hold it (any more).
  virtual void format(const FrameFormat& format) = 0;
  /// Adds one frame's bytes (and what must stand before it) to `out`.
  virtual void frame(const FrameInfo& info, std::span<const std::uint8_t> payload,
                     std::vector<std::uint8_t>& out) = 0;
  /// Adds what must stand at the stream's end.
  virtual void end(std::vector<std::uint8_t>& /*out*/) {}
};

/// @throws Error (usage) when the kind can't hold frames of this format: says what can.
[[nodiscard]] std::unique_ptr<Container> make_container(ContainerKind kind, const FrameFormat& format);
[[nodiscard]] std::unique_ptr<Container> make_nut();

}  // namespace camring::shmcat
