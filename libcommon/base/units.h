// Values with units, as people write them on a command line: 200ms, 1280x720, 29.97, 4M, 64MiB.
// Every parser throws std::invalid_argument with a message that shows a right example.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace camring {

/// A frame size in pixels.
struct Size {
  std::uint32_t width = 0;
  std::uint32_t height = 0;
  friend bool operator==(const Size&, const Size&) = default;
};

/// A rational rate in frames a second, kept exact: 29.97 is 30000/1001.
struct Rate {
  std::uint32_t num = 0;
  std::uint32_t den = 1;
  [[nodiscard]] double fps() const noexcept { return den == 0 ? 0.0 : double(num) / den; }
  /// The time from one frame to the next; zero when the rate is unknown (num == 0).
  [[nodiscard]] std::chrono::nanoseconds period() const noexcept {
    return std::chrono::nanoseconds(num == 0 ? 0 : 1'000'000'000LL * den / num);
  }
  friend bool operator==(const Rate&, const Rate&) = default;
};

/// "200ms", "1.5s", "2m", "24h", "500us". A bare number is refused, except "0".
[[nodiscard]] std::chrono::nanoseconds parse_duration(std::string_view text);
/// "1280x720"; each side 1 to 16384.
[[nodiscard]] Size parse_size(std::string_view text);
/// "30", "29.97" (30000/1001), "12.5", "30000/1001"; above 0, at most 1000.
[[nodiscard]] Rate parse_rate(std::string_view text);
/// Bits a second: "500k", "4M", "1.5M". A bare number is refused.
[[nodiscard]] std::uint64_t parse_bitrate(std::string_view text);
/// Bytes: "4096B", "64k"/"64KiB", "16M"/"16MiB", "1G". A bare number is refused.
[[nodiscard]] std::uint64_t parse_bytes(std::string_view text);
/// A whole decimal number within [min, max]; nothing before or after it.
[[nodiscard]] std::int64_t parse_int(std::string_view text, std::int64_t min, std::int64_t max);

[[nodiscard]] std::string to_string(Size size);                              ///< "1280x720"
[[nodiscard]] std::string to_string(Rate rate);                              ///< "30" or "29.97"
[[nodiscard]] std::string duration_text(std::chrono::nanoseconds duration);  ///< "1.5s", "200ms"
[[nodiscard]] std::string bytes_text(std::uint64_t bytes);                   ///< "64 MB", decimal units

}  // namespace camring
