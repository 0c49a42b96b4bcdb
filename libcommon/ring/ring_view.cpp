#include "ring/ring_view.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <stdexcept>

#include "base/error.h"
#include "base/unique_fd.h"
#include "ring/fence.h"

namespace camring {
namespace {

[[noreturn]] void refuse(const std::string& path, const std::string& reason) {
  throw Error(ExitCode::data, "open ring", path, reason,
              "it is damaged or no ring: stop its writer and remove the file");
}

bool fits(std::uint64_t offset, std::uint64_t bytes, std::uint64_t whole) {
  return offset <= whole && bytes <= whole - offset;
}

// Each plane must be at least what the pixel format needs, so that users may trust rows and strides.
bool planes_are_possible(const FrameFormat& format, std::uint64_t arena_bytes) {
  const FrameFormat tight = raw_format(format.pixel_format, format.size);
  if (format.plane_count != tight.plane_count) return false;
  for (std::size_t i = 0; i < format.plane_count; ++i) {
    const Plane& plane = format.planes[i];
    if (plane.stride_bytes < tight.planes[i].stride_bytes || plane.rows < tight.planes[i].rows ||
        plane.rows > 65536 ||
        !fits(plane.offset_bytes, std::uint64_t{plane.stride_bytes} * plane.rows, arena_bytes)) {
      return false;
    }
  }
  return true;
}

FrameFormat format_of(const layout::Header& header, const std::string& path) {
  FrameFormat format;
  format.codec = static_cast<Codec>(header.codec);
  format.pixel_format = static_cast<PixelFormat>(header.pixel_format);
  format.size = {header.width, header.height};
  format.rate = {header.rate_num, std::max(1u, header.rate_den)};
  format.plane_count = header.plane_count;
  format.colour = {header.colour_range, header.colour_primaries, header.colour_transfer,
                   header.colour_matrix};
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    const layout::PlaneWords& plane = header.planes[i];
    format.planes[i] = {plane.offset_bytes, plane.stride_bytes, plane.rows};
  }
  if (to_string(format.codec) == "none") refuse(path, "unknown codec " + std::to_string(header.codec));
  const bool empty = format.size.width == 0 || format.size.height == 0;
  if (format.size.width > kMaxSide || format.size.height > kMaxSide ||
      (format.codec == Codec::raw && empty)) {
    refuse(path, "impossible size " + to_string(format.size));
  }
  const std::uint32_t extradata_bytes = header.extradata_bytes;
  if (extradata_bytes > kMaxExtradata) refuse(path, "impossible parameter sets");
  format.extradata.assign(header.extradata.begin(), header.extradata.begin() + extradata_bytes);
  return format;
}

}  // namespace

std::optional<RingView> RingView::open(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    throw system_error(errno, "open ring", path, "ask for membership in the ring's group (usually video)");
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) throw system_error(errno, "open ring", path);
  if (!S_ISREG(status.st_mode)) refuse(path, "not a file");
  if (status.st_size < static_cast<off_t>(sizeof(layout::Header))) {
    refuse(path, "too small to be a ring (" + bytes_text(static_cast<std::uint64_t>(status.st_size)) + ")");
  }
  RingView view;
  view.mapping_ = Mapping(fd.get(), static_cast<std::size_t>(status.st_size), Mapping::Access::read_only);
  view.device_ = status.st_dev;
  view.inode_ = status.st_ino;
  view.check(path);
  return view;
}

void RingView::check(const std::string& path) {
  const layout::Header& header = this->header();
  const std::uint64_t size = mapping_.size();
  if (header.magic.load(std::memory_order_acquire) != layout::kMagic)
    refuse(path, "no ring (its magic is missing)");
  if (header.abi_version != layout::kAbiVersion) {
    throw Error(ExitCode::data, "open ring", path,
                "version " + std::to_string(header.abi_version) +
                    " of the ring's layout; this program knows " + std::to_string(layout::kAbiVersion),
                "use tools of the same release on both sides");
  }
  depth_ = header.index_depth;
  index_offset_ = header.index_offset;
  arena_offset_ = header.arena_offset;
  arena_bytes_ = header.arena_bytes;
  epoch_ = header.epoch;
  first_number_ = header.first_number;
  if (header.header_bytes != sizeof(layout::Header) || header.entry_bytes != sizeof(layout::Entry) ||
      !std::has_single_bit(depth_) || depth_ > layout::kMaxDepth || index_offset_ % layout::kAlign != 0 ||
      index_offset_ < sizeof(layout::Header) ||
      !fits(index_offset_, std::uint64_t{depth_} * sizeof(layout::Entry), size) || arena_bytes_ == 0 ||
      arena_bytes_ % layout::kAlign != 0 || arena_offset_ % layout::kAlign != 0 ||
      arena_offset_ < sizeof(layout::Header) || !fits(arena_offset_, arena_bytes_, size)) {
    refuse(path, "its sizes contradict each other or the file's " + bytes_text(size));
  }
  format_ = format_of(header, path);
  if (format_.codec != Codec::raw) return;
  try {
    if (!planes_are_possible(format_, arena_bytes_)) refuse(path, "impossible planes");
  } catch (const std::invalid_argument&) {
    refuse(path, "unknown pixel format");
  }
  frame_bytes_ = format_.raw_bytes();
}

RingView::Read RingView::read(std::uint64_t number, FrameView& view) const noexcept {
  const layout::Entry& slot = entry(number);
  const std::uint64_t wanted = 2 * number + 2;
  const std::uint64_t seq = slot.seq.load(std::memory_order_acquire);
  if (seq != wanted) return seq < wanted ? Read::absent : Read::overwritten;
  constexpr auto kRelaxed = std::memory_order_relaxed;
  const std::uint64_t position = slot.position.load(kRelaxed);
  const std::uint32_t bytes = slot.size_bytes.load(kRelaxed);
  const std::uint64_t meta_position = slot.meta_position.load(kRelaxed);
  const std::uint32_t meta_bytes = slot.meta_bytes.load(kRelaxed);
  view.info.number = number;
  view.info.flags = slot.flags.load(kRelaxed);
  view.info.capture_ns = slot.capture_ns.load(kRelaxed);
  view.info.publish_ns = slot.publish_ns.load(kRelaxed);
  view.info.source_number = slot.source_number.load(kRelaxed);
  view.info.source_capture_ns = slot.source_capture_ns.load(kRelaxed);
  view.position = position;
  // Pairs with the writer's fence in commit(): had any field been of a later frame, seq would be seen changed
  // now.
  acquire_fence();
  if (slot.seq.load(kRelaxed) != wanted) return Read::overwritten;
  if (live().intent.load(kRelaxed) - position > arena_bytes_) return Read::overwritten;
  if (!in_arena(position, bytes) || bytes < frame_bytes_ || meta_bytes > layout::kMaxMetadata ||
      (meta_bytes != 0 && (meta_position < position || !in_arena(meta_position, meta_bytes)))) {
    return Read::corrupt;
  }
  const std::uint8_t* arena = mapping_.data() + arena_offset_;
  view.payload = {arena + position % arena_bytes_, bytes};
  view.metadata = {arena + meta_position % arena_bytes_, meta_bytes};
  return Read::frame;
}

bool RingView::still_valid(const FrameView& view) const noexcept {
  // Pairs with the writer's fence in claim(): had any payload byte read been of a later frame, the intent
  // that covers it would be seen now. The entry is checked too, so that a revived or broken writer can't fool
  // the reader.
  acquire_fence();
  return entry(view.info.number).seq.load(std::memory_order_relaxed) == 2 * view.info.number + 2 &&
         live().intent.load(std::memory_order_relaxed) - view.position <= arena_bytes_ && !mapping_.broken();
}

std::uint64_t RingView::oldest() const noexcept {
  const std::uint64_t head = this->head();
  const std::uint64_t held = std::min<std::uint64_t>(depth_, head - std::min(head, first_number_));
  FrameView view;
  for (std::uint64_t number = head - held; number < head; ++number) {
    if (read(number, view) == Read::frame) return number;
  }
  return head;
}

bool RingView::replaced(const std::string& path) const noexcept {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0 && (status.st_ino != inode_ || status.st_dev != device_);
}

}  // namespace camring
