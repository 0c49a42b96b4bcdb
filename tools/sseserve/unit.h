// What a track hands to all its viewers: wrapped once, shared by all.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "frame/format.h"
#include "net/channel.h"

namespace camring::sseserve {

/// What a player needs before any fragment; made anew when parameter sets change. Of JPEG: nothing but a
/// mark.
struct Init {
  Codec codec = Codec::none;
  net::ChunkPtr event;  ///< as server-sent event; null for JPEG
  net::ChunkPtr bytes;  ///< ftyp and moov; null for JPEG
};

/// What an event id says of a frame: the same in every run of the server.
struct EventMark {
  std::int64_t published_ns = 0;  ///< when it was put into its ring, CLOCK_MONOTONIC: goes up
  std::uint64_t number = 0;       ///< in its ring
  friend bool operator==(const EventMark&, const EventMark&) = default;
};

/// A fragment or a picture.
struct Unit {
  std::uint64_t sequence = 0;  ///< goes up by one a unit of its track
  EventMark mark;              ///< of its first frame
  bool key = false;            ///< a player can start here
  std::uint64_t source_number = 0;
  std::int64_t source_capture_ns = 0;  ///< CLOCK_MONOTONIC
  std::int64_t complete_ns = 0;        ///< when the ring had all of it, CLOCK_MONOTONIC
  std::int64_t available_ns = 0;       ///< when it was made (of a past one: complete), CLOCK_MONOTONIC
  bool past = false;                   ///< lay in the ring before the track was there
  std::shared_ptr<const Init> init;
  net::ChunkPtr event;  ///< as server-sent event, detections in front of it
  net::ChunkPtr bytes;  ///< moof and mdat, or the JPEG
};
using UnitPtr = std::shared_ptr<const Unit>;

}  // namespace camring::sseserve
