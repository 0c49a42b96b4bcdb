// What all sides serve: a second of H.264 that goes round and round, as access units, as fragments of MP4 and
// as server-sent events.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace bench {

/// One stream's rate. Events keep the size of those at 2 Mbit/s and 30 a second where there are many clients:
/// there are fewer of them, so that all clients together take 400 Mbit/s at most (of video, before base64).
struct StreamRate {
  int fps = 30;
  double mbit = 2;
  [[nodiscard]] std::int64_t frame_ns() const noexcept { return 1'000'000'000 / fps; }
};
[[nodiscard]] StreamRate rate_for(int clients);

struct Unit {
  bool keyframe = false;
  std::vector<std::uint8_t> annex_b;
  std::vector<std::uint8_t> fragment;  ///< the same as moof and mdat
};

struct Content {
  StreamRate rate;
  std::vector<std::uint8_t> parameter_sets;  ///< Annex B
  std::vector<std::uint8_t> init;            ///< ftyp and moov
  std::vector<Unit> units;                   ///< one second; the first is a keyframe, four times as large
};

/// Pictures of grey, made large by what decoders pass over. @throws camring::Error without x264
[[nodiscard]] Content make_content(const StreamRate& rate);

/// An event as sseserve writes it, with its time of capture where it can be written anew.
struct Event {
  std::vector<std::uint8_t> bytes;
  std::size_t capture_at = 0, sequence_at = 0;  ///< of the digits
};

/// The fragments of a Content; numbers are zero.
[[nodiscard]] std::vector<Event> make_events(const Content& content);
[[nodiscard]] std::vector<std::uint8_t> make_init_event(const Content& content);
/// Writes the number, and the time of capture as milliseconds of CLOCK_REALTIME.
void stamp(Event& event, std::uint64_t sequence, std::int64_t capture_ns) noexcept;

}  // namespace bench
