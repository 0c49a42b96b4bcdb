// Server-sent events: text/event-stream as the WHATWG's HTML standard defines it (section 9.2), with video in
// it as base64.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace camring::net {

/// One event. Everything is borrowed while it is written. Text is UTF-8. A line ends at LF, CR or CR LF, so
/// nobody's text can begin a field or an event of its own.
struct SseEvent {
  std::string_view name;  ///< what listeners are added for; empty: "message". No line ends
  /// What EventSource sends as Last-Event-ID when it comes back; an empty one means none. No line ends, no
  /// zero byte.
  std::optional<std::string_view> id;
  /// Text; its lines arrive with LF between them. An event without text and without bytes reaches no
  /// listener.
  std::optional<std::string_view> data;
  /// Arrives as one line of base64 (RFC 4648, section 4), behind the text's lines; none when empty.
  std::span<const std::uint8_t> binary;
  std::optional<std::chrono::milliseconds> retry;  ///< after which EventSource comes back; not negative
  std::string_view comment;                        ///< reaches no listener; keeps proxies from giving up
};

/// Bytes of the event as it is written, the empty line behind it included. Empty optional when a field has
/// what it must not have. Any thread.
[[nodiscard]] std::optional<std::size_t> sse_size(const SseEvent& event) noexcept;

/// Writes the event to the front of `out`; nothing is copied or allocated on the way.
/// @return false, and nothing is written: the event has no size, or `out` is shorter than it. Any thread.
[[nodiscard]] bool write_sse(const SseEvent& event, std::span<std::uint8_t> out) noexcept;
/// The same into `out`, which is resized.
[[nodiscard]] bool write_sse(const SseEvent& event, std::vector<std::uint8_t>& out);

}  // namespace camring::net
