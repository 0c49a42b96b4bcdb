// What all sides serve: ten seconds of H.264, each access unit with room for the time at which it was sent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace bench {

inline constexpr int kFps = 30;
inline constexpr std::int64_t kFrameNs = 1'000'000'000 / kFps;

/// One access unit, Annex B. Ahead of its slices stands an SEI message (user data unregistered) with a clock.
struct ClipUnit {
  std::vector<std::uint8_t> bytes;
  std::size_t clock_at = 0;  ///< where the clock's 16 hexadecimal digits are in `bytes`
  bool keyframe = false;
};

struct Clip {
  std::vector<ClipUnit> units;
  std::vector<std::uint8_t> extradata;  ///< parameter sets; not in the file

  /// Mean size of an access unit; of keyframes only, if so wished.
  [[nodiscard]] std::size_t mean_bytes(bool keyframes) const;
  void save(const std::string& path) const;
  /// @throws std::runtime_error when there is no such clip.
  static Clip load(const std::string& path);
};

/// 1920x1080 at 30 fps, 4 Mbit/s, a keyframe a second, no B-frames: noise, a part of it new in each frame.
/// @throws camring::Error without x264.
[[nodiscard]] Clip make_clip(int units);

/// The unit with an SEI message put in ahead of its first slice.
[[nodiscard]] ClipUnit with_clock(std::span<const std::uint8_t> unit, bool keyframe);

/// Writes a clock (ns) as 16 hexadecimal digits: ASCII needs no emulation prevention.
void write_clock(std::uint8_t* digits, std::int64_t ns) noexcept;
/// The clock in a NAL unit; 0 when it is not our SEI message.
[[nodiscard]] std::int64_t find_clock(std::span<const std::uint8_t> nal) noexcept;

/// The NAL units of an access unit, without start codes.
[[nodiscard]] std::vector<std::span<const std::uint8_t>> nal_units(std::span<const std::uint8_t> unit);

}  // namespace bench
