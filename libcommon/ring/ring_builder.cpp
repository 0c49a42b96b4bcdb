#include "ring/ring_builder.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <new>
#include <sstream>

#include "base/clock.h"
#include "base/error.h"
#include "base/unique_fd.h"
#include "ring/ring_view.h"
#include "ring/writer_lock.h"

namespace camring {
namespace {

constexpr std::uint64_t kPage = 4096;
constexpr std::uint64_t kMaxFrame = 1ull << 31;  // sizes are 32 bits in an entry
constexpr std::uint64_t kImpossible = 1ull << 62;
constexpr std::uint64_t kHugeWorth = 8u << 20;  // of smaller rings a page of 2 MB would waste too much

constexpr std::uint64_t round_up(std::uint64_t value, std::uint64_t step) {
  return (value + step - 1) / step * step;
}

std::uint64_t pixels(const RingSpec& spec) {
  return std::uint64_t{std::max(1u, spec.format.size.width)} * std::max(1u, spec.format.size.height);
}

std::uint64_t plan_arena(const RingSpec& spec, std::uint32_t frames) {
  switch (spec.format.codec) {
    case Codec::raw:
      // One more than asked: the frame being filled takes its place from the oldest.
      return (std::uint64_t{frames} + 1) * slot_bytes(spec.format.raw_bytes(), 0) + layout::kMaxMetadata;
    case Codec::mjpeg:
      // Half a byte a pixel is a very good JPEG; what does not fit makes the ring grow.
      return (std::uint64_t{frames} + 1) * (pixels(spec) / 2 + 65536);
    default:
      // Two GOPs of a second and more: 8 MB are 3 s at 20 Mbit/s; larger pictures get more.
      return std::max<std::uint64_t>(8u << 20, pixels(spec) * 8);
  }
}

std::uint32_t default_frames(Codec codec) {
  switch (codec) {
    case Codec::raw:
      return 8;
    case Codec::mjpeg:
      return 16;
    default:
      return 512;
  }
}

std::uint64_t start_ticks() {
  // Field 22 of /proc/self/stat; the command in field 2 may hold spaces, so count from its closing bracket.
  std::ifstream file("/proc/self/stat");
  std::string text((std::istreambuf_iterator<char>(file)), {});
  const auto bracket = text.rfind(')');
  if (bracket == std::string::npos) return 0;
  std::istringstream fields(text.substr(bracket + 2));
  std::string field;
  for (int i = 3; i <= 22; ++i) fields >> field;
  return std::strtoull(field.c_str(), nullptr, 10);
}

template <std::size_t N>
void put_text(std::array<char, N>& target, const std::string& text) {
  std::memcpy(target.data(), text.data(), std::min(text.size(), N - 1));
}

// Large frames are copied a fifth faster from huge pages. A tmpfs gives them only where its mount option
// huge=advise asks for advice, and only to who touches the pages through such a mapping; any other gives
// small ones. What is not taken here, for want of memory or kernel (MADV_POPULATE_WRITE: 5.14), the caller
// takes.
void take_huge_pages(int fd, std::uint64_t bytes) noexcept {
  struct statvfs space {};
  // Who asks for more than there is must be refused, not given all there is first.
  const bool fits = ::fstatvfs(fd, &space) == 0 && std::uint64_t{space.f_bavail} * space.f_bsize > bytes;
  if (bytes < kHugeWorth || !fits || ::ftruncate(fd, static_cast<off_t>(bytes)) != 0) return;
  void* const at = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (at == MAP_FAILED) return;
  const bool taken =
      ::madvise(at, bytes, MADV_HUGEPAGE) == 0 && ::madvise(at, bytes, MADV_POPULATE_WRITE) == 0;
  ::munmap(at, bytes);
  if (!taken) (void)::ftruncate(fd, 0);
}

UniqueFd make_file(const RingSpec& spec, const RingPaths& paths, std::uint64_t bytes) {
  const std::string directory = ring_directory();
  UniqueFd fd(::open(directory.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, spec.mode));
  if (!fd) {
    throw system_error(
        errno, "make ring '" + spec.name + "'", directory,
        errno == EOPNOTSUPP ? "rings need a tmpfs, e.g. /dev/shm" : "is it a directory you can write to?");
  }
  apply_access(fd.get(), {spec.mode, spec.group}, paths.ring);
  take_huge_pages(fd.get(), bytes);
  // Takes the memory now: ftruncate would succeed on a full tmpfs and the first write would be SIGBUS.
  int failed = 0;
  do {
    failed = ::posix_fallocate(fd.get(), 0, static_cast<off_t>(bytes));
  } while (failed == EINTR);
  if (failed == ENOSPC || failed == ENOMEM || failed == EFBIG) {
    struct statvfs space {};
    const bool known = ::statvfs(directory.c_str(), &space) == 0;
    throw Error(ExitCode::system, "make ring", "'" + spec.name + "'",
                "it needs " + bytes_text(bytes) + ", " + directory + " has " +
                    (known ? bytes_text(std::uint64_t{space.f_bavail} * space.f_bsize) : "too little") +
                    " free",
                "free some, make it larger (docker: --shm-size=256m) or lower --frames");
  }
  if (failed != 0) throw system_error(failed, "make ring '" + spec.name + "'", directory);
  return fd;
}

void put_format(layout::Header& header, const FrameFormat& format) {
  header.codec = static_cast<std::uint32_t>(format.codec);
  header.pixel_format = static_cast<std::uint32_t>(format.pixel_format);
  header.width = format.size.width;
  header.height = format.size.height;
  header.rate_num = format.rate.num;
  header.rate_den = format.rate.den;
  header.plane_count = format.plane_count;
  header.colour_range = format.colour.range;
  header.colour_primaries = format.colour.primaries;
  header.colour_transfer = format.colour.transfer;
  header.colour_matrix = format.colour.matrix;
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    header.planes[i] = {format.planes[i].offset_bytes, format.planes[i].stride_bytes, format.planes[i].rows,
                        0};
  }
  header.extradata_bytes = static_cast<std::uint32_t>(format.extradata.size());
  std::copy(format.extradata.begin(), format.extradata.end(), header.extradata.begin());
}

// Visible at once and whole: linked under a companion name, then renamed over the ring's.
void put_in_place(int fd, const RingSpec& spec, const RingPaths& paths) {
  const std::string self = "/proc/self/fd/" + std::to_string(fd);
  ::unlink(paths.temp.c_str());
  if (::linkat(AT_FDCWD, self.c_str(), AT_FDCWD, paths.temp.c_str(), AT_SYMLINK_FOLLOW) != 0) {
    throw system_error(errno, "put ring in place", paths.temp, "camring needs /proc mounted");
  }
  if (::rename(paths.temp.c_str(), paths.ring.c_str()) != 0) {
    const int error = errno;
    ::unlink(paths.temp.c_str());
    throw system_error(error, "put ring '" + spec.name + "' in place", paths.ring,
                       "another user's ring may have this name: choose another, or remove it");
  }
}

}  // namespace

Geometry plan_geometry(const RingSpec& spec) {
  const FrameFormat& format = spec.format;
  if (format.codec == Codec::none || (format.codec == Codec::raw && format.raw_bytes() == 0)) {
    throw Error(ExitCode::usage, "make ring", spec.name, "its format says nothing", "");
  }
  if (format.size.width > kMaxSide || format.size.height > kMaxSide) {
    throw Error(ExitCode::usage, "make ring", spec.name, "impossible size " + to_string(format.size),
                "at most 65536 each way");
  }
  if (format.extradata.size() > kMaxExtradata) {
    throw Error(ExitCode::data, "make ring", spec.name,
                "parameter sets of " + std::to_string(format.extradata.size()) + " bytes; 4096 fit");
  }
  const std::uint32_t frames = spec.frames != 0 ? spec.frames : default_frames(format.codec);
  Geometry geometry;
  geometry.depth =
      std::clamp(std::bit_ceil(std::min(frames, layout::kMaxDepth / 2) * 2), 16u, layout::kMaxDepth);
  geometry.index_offset = sizeof(layout::Header);
  geometry.arena_offset =
      round_up(geometry.index_offset + std::uint64_t{geometry.depth} * sizeof(layout::Entry), kPage);
  const std::uint64_t arena = spec.arena_bytes != 0 ? spec.arena_bytes : plan_arena(spec, frames);
  geometry.arena_bytes = round_up(arena, kPage);
  geometry.file_bytes = geometry.arena_offset + geometry.arena_bytes;
  if (format.raw_bytes() >= kMaxFrame || geometry.arena_bytes > layout::kMaxArena) {
    throw Error(ExitCode::usage, "make ring", spec.name,
                "frames or ring too large: " + bytes_text(geometry.arena_bytes),
                "lower the size or --frames");
  }
  return geometry;
}

Succession succession_of(const RingPaths& paths) {
  Succession next;
  try {
    if (const auto view = RingView::open(paths.ring)) {
      // Numbers that no camera reaches come from damage: they would overflow soon, so begin again instead.
      if (view->epoch() < kImpossible) next.epoch = view->epoch() + 1;
      if (view->head() < kImpossible && view->head() >= view->first_number())
        next.first_number = view->head();
    }
  } catch (const Error&) {  // not a ring, or not readable: nothing to go on from
  }
  return next;
}

Mapping build_generation(const RingSpec& spec, const RingPaths& paths, const Geometry& geometry,
                         const Succession& succession) {
  const UniqueFd fd = make_file(spec, paths, geometry.file_bytes);
  Mapping mapping(fd.get(), geometry.file_bytes, Mapping::Access::read_write_populated);
  auto* header = new (mapping.data()) layout::Header{};
  header->abi_version = layout::kAbiVersion;
  header->header_bytes = sizeof(layout::Header);
  header->uuid = succession.uuid;
  header->epoch = succession.epoch;
  header->first_number = succession.first_number;
  header->writer_pid = static_cast<std::uint32_t>(::getpid());
  header->writer_start_ticks = start_ticks();
  header->created_wall_ns = realtime_ns();
  header->file_bytes = geometry.file_bytes;
  header->index_depth = geometry.depth;
  header->entry_bytes = sizeof(layout::Entry);
  header->index_offset = geometry.index_offset;
  header->arena_offset = geometry.arena_offset;
  header->arena_bytes = geometry.arena_bytes;
  put_format(*header, spec.format);
  put_text(header->name, spec.name);
  put_text(header->writer, spec.writer);
  put_text(header->source, spec.source);
  header->live.head.store(succession.first_number, std::memory_order_relaxed);
  header->live.last_keyframe.store(layout::kNoKeyframe, std::memory_order_relaxed);
  header->live.beat_loop_ns.store(monotonic_ns(), std::memory_order_relaxed);
  header->live.wall_offset_ns.store(monotonic_to_wall_ns(), std::memory_order_relaxed);
  header->magic.store(layout::kMagic, std::memory_order_release);
  put_in_place(fd.get(), spec, paths);
  return mapping;
}

}  // namespace camring
