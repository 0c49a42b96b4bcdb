// The ring's bytes in shared memory: the ABI between writers and readers of any language and version.
// camring-ring(5) documents the same offsets in words. Fixed-width integers only; little-endian machines.
// Publish and read protocol: ring_writer.cpp (claim, commit) and ring_view.cpp (read, still_valid).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace camring::layout {

static_assert(std::endian::native == std::endian::little, "the ring's bytes are little-endian");
static_assert(std::atomic<std::uint64_t>::is_always_lock_free && sizeof(std::atomic<std::uint64_t>) == 8);
static_assert(std::atomic<std::uint32_t>::is_always_lock_free && sizeof(std::atomic<std::uint32_t>) == 4);

inline constexpr std::uint64_t kMagic = 0x00474e49524d4143;  ///< "CAMRING\0", stored last
inline constexpr std::uint32_t kAbiVersion = 1;
inline constexpr std::uint32_t kAlign = 64;          ///< payloads begin on cache lines
inline constexpr std::uint32_t kMaxMetadata = 4096;  ///< JSON bytes of one frame
inline constexpr std::uint32_t kMaxDepth = 1u << 16;
inline constexpr std::uint64_t kMaxArena = 1ull << 40;
inline constexpr std::uint64_t kNoKeyframe = ~0ull;

/// What the writer says of itself, in Live::state.
enum class WriterWord : std::uint32_t { starting = 0, live = 1, no_signal = 2, ended = 3, superseded = 4 };

struct PlaneWords {
  std::uint32_t offset_bytes, stride_bytes, rows, reserved;
};

/// Words that change while the ring lives; written by the writer alone, a cache line for each use.
struct Live {
  alignas(64) std::atomic<std::uint64_t> head;   ///< number of the next frame
  alignas(64) std::atomic<std::uint32_t> futex;  ///< +1 a frame or change of state; FUTEX_WAIT on it
  alignas(
      64) std::atomic<std::uint64_t> intent;  ///< arena bytes before intent - arena_bytes may be overwritten
  alignas(64) std::atomic<std::uint64_t> last_keyframe;  ///< number, or kNoKeyframe
  alignas(64) std::atomic<std::uint32_t> state;          ///< WriterWord
  alignas(64) std::atomic<std::int64_t> beat_loop_ns;    ///< CLOCK_MONOTONIC: the writer's main loop ran
  std::atomic<std::int64_t> beat_capture_ns;             ///< the capture thread ran
  std::atomic<std::int64_t> beat_publish_ns;             ///< a frame was published
  alignas(64) std::atomic<std::int64_t> wall_offset_ns;  ///< add to CLOCK_MONOTONIC to get the wall time
};

struct Header {
  std::atomic<std::uint64_t> magic;
  std::uint32_t abi_version;
  std::uint32_t header_bytes;
  std::array<std::uint8_t, 16> uuid;  ///< of the writer's run
  std::uint64_t epoch;                ///< generation of this name; goes up
  std::uint64_t first_number;         ///< the generation's first frame number
  std::uint32_t writer_pid;
  std::uint32_t reserved0;
  std::uint64_t writer_start_ticks;  ///< field 22 of /proc/PID/stat: tells a recycled pid
  std::int64_t created_wall_ns;
  std::uint64_t file_bytes;
  std::uint32_t index_depth;  ///< a power of two
  std::uint32_t entry_bytes;
  std::uint64_t index_offset;
  std::uint64_t arena_offset;
  std::uint64_t arena_bytes;  ///< a multiple of kAlign
  std::uint32_t codec;
  std::uint32_t pixel_format;
  std::uint32_t width, height;
  std::uint32_t rate_num, rate_den;
  std::uint32_t plane_count;
  std::uint8_t colour_range, colour_primaries, colour_transfer, colour_matrix;
  std::array<PlaneWords, 4> planes;
  std::uint32_t extradata_bytes;
  std::uint32_t reserved1[11];
  std::array<char, 128> name;    ///< NUL-terminated, as the two below
  std::array<char, 128> writer;  ///< tool and version
  std::array<char, 512> source;  ///< what the writer captures or derives from; no secrets
  alignas(4096) std::array<std::uint8_t, 4096> extradata;
  alignas(4096) Live live;
};

struct Entry {
  std::atomic<std::uint64_t> seq;       ///< 2n+1 while frame n is written, 2n+2 when it is valid
  std::atomic<std::uint64_t> position;  ///< arena position of the payload: counts bytes, never wraps
  std::atomic<std::uint32_t> size_bytes;
  std::atomic<std::uint32_t> flags;  ///< frame_flag bits
  std::atomic<std::int64_t> capture_ns;
  std::atomic<std::int64_t> publish_ns;
  std::atomic<std::uint64_t> source_number;
  std::atomic<std::int64_t> source_capture_ns;
  std::atomic<std::uint64_t> meta_position;
  std::atomic<std::uint32_t> meta_bytes;
  std::uint32_t reserved[15];
};

static_assert(sizeof(Entry) == 128);
static_assert(offsetof(Entry, position) == 8 && offsetof(Entry, size_bytes) == 16 &&
              offsetof(Entry, flags) == 20);
static_assert(offsetof(Entry, capture_ns) == 24 && offsetof(Entry, publish_ns) == 32);
static_assert(offsetof(Entry, source_number) == 40 && offsetof(Entry, source_capture_ns) == 48);
static_assert(offsetof(Entry, meta_position) == 56 && offsetof(Entry, meta_bytes) == 64);

static_assert(sizeof(Header) == 12288);
static_assert(offsetof(Header, abi_version) == 8 && offsetof(Header, header_bytes) == 12);
static_assert(offsetof(Header, uuid) == 16 && offsetof(Header, epoch) == 32 &&
              offsetof(Header, first_number) == 40);
static_assert(offsetof(Header, writer_pid) == 48 && offsetof(Header, writer_start_ticks) == 56);
static_assert(offsetof(Header, created_wall_ns) == 64 && offsetof(Header, file_bytes) == 72);
static_assert(offsetof(Header, index_depth) == 80 && offsetof(Header, entry_bytes) == 84);
static_assert(offsetof(Header, index_offset) == 88 && offsetof(Header, arena_offset) == 96);
static_assert(offsetof(Header, arena_bytes) == 104 && offsetof(Header, codec) == 112);
static_assert(offsetof(Header, pixel_format) == 116 && offsetof(Header, width) == 120);
static_assert(offsetof(Header, rate_num) == 128 && offsetof(Header, plane_count) == 136);
static_assert(offsetof(Header, colour_range) == 140 && offsetof(Header, planes) == 144);
static_assert(offsetof(Header, extradata_bytes) == 208 && offsetof(Header, name) == 256);
static_assert(offsetof(Header, writer) == 384 && offsetof(Header, source) == 512);
static_assert(offsetof(Header, extradata) == 4096 && offsetof(Header, live) == 8192);
static_assert(offsetof(Live, head) == 0 && offsetof(Live, futex) == 64 && offsetof(Live, intent) == 128);
static_assert(offsetof(Live, last_keyframe) == 192 && offsetof(Live, state) == 256);
static_assert(offsetof(Live, beat_loop_ns) == 320 && offsetof(Live, beat_capture_ns) == 328);
static_assert(offsetof(Live, beat_publish_ns) == 336 && offsetof(Live, wall_offset_ns) == 384);

}  // namespace camring::layout
