// What clients ask for: paths, queries and bodies, taken apart and checked before anything is looked up. No
// server in it, so that every one of these parsers can be tested, and fuzzed, by itself.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "net/http.h"
#include "options.h"
#include "unit.h"

namespace camring::sseserve {

/// Where a request goes to: /streams/sse/CAMERA/WHAT, or /streams/fmp4/CAMERA/WHAT.
struct Place {
  bool plain = false;        ///< below /streams/fmp4: fragments as bytes, without events
  std::string camera, what;  ///< as they came; empty where there is none
};
/// Empty: the path is none of these. Any text may come in.
[[nodiscard]] std::optional<Place> read_place(std::string_view path);

/// What a stream is wanted to be. Names are names ([A-Za-z0-9._-]{1,64}), though there may be no such thing.
struct StreamWish {
  std::optional<Channel> channel;                ///< to begin with; absent: not said
  std::array<std::string, kChannels> qualities;  ///< of each channel; empty: not said
  std::string quality;          ///< of the channel to begin with, where qualities says nothing
  std::string format = "fmp4";  ///< or jpeg
  std::string codecs;           ///< that the client plays, as it said; empty: not said
  std::string connection_id;    ///< that subscribe reserved; empty: none
  /// The quality of a channel to begin with; empty: not said.
  [[nodiscard]] const std::string& quality_of(Channel first) const noexcept {
    const std::string& own = qualities[static_cast<std::size_t>(first)];
    return own.empty() ? quality : own;
  }
};
/// Whether a client that says this plays H.264 (hevc: HEVC): an entry is avc1 (hvc1), or begins with "avc1.".
/// Who says nothing plays all.
[[nodiscard]] bool plays(std::string_view codecs, bool hevc) noexcept;
/// Parameters of other names are not looked at; an empty value is none.
/// @param what  raw, annotated or dual
/// @throws std::invalid_argument: says which parameter can't be so, for the client
[[nodiscard]] StreamWish read_stream_wish(const Place& place, const net::Target& target);

struct SubscribeWish {
  Channel channel = Channel::raw;
  std::string quality;  ///< empty: not said
};
struct SwitchWish {
  std::string connection_id;
  std::optional<Channel> channel;  ///< absent: the same; then there is a quality
  std::string quality;             ///< empty: not said
};
/// Bodies of POSTs: JSON objects of texts, each name once; null is as good as not there. Any bytes may come
/// in. @throws std::invalid_argument as read_stream_wish does.
[[nodiscard]] SubscribeWish read_subscribe(std::string_view body);  ///< an empty body: nothing is said
[[nodiscard]] SwitchWish read_switch(std::string_view body);
[[nodiscard]] std::string read_token_renewal(std::string_view body);  ///< the connection_id

/// What an event's id (Last-Event-ID) names, that begins with `begin`; empty for all other texts.
[[nodiscard]] std::optional<EventMark> read_event_id(std::string_view id, std::string_view begin) noexcept;
/// What comes after that.
[[nodiscard]] std::string event_id_end(const EventMark& mark);

/// RFC 6750: in the header; in the query, for EventSource, which can't set headers; or in the cookie
/// camring_token. What was said for this very request comes first: cookies come by themselves, also when they
/// are old. Empty: there is none.
[[nodiscard]] std::string read_token(const net::Request& request);

}  // namespace camring::sseserve
