// One generation of a ring, mapped read-only and checked: nothing that a broken or hostile writer puts there
// can make a read leave the mapping. The reading half of the publish protocol lives here.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>

#include "ring/mapping.h"
#include "ring/ring_layout.h"
#include "ring/ring_reader.h"

namespace camring {

/// A checked read-only generation. Sizes and offsets are copied at open and never read again.
class RingView {
 public:
  /// Empty when there is no such file. @throws Error: no_permission, data (not a ring, another version,
  /// impossible).
  [[nodiscard]] static std::optional<RingView> open(const std::string& path);

  enum class Read { frame, absent, overwritten, corrupt };
  /// Frame `number` in place: checked against the mapping, valid when read; see still_valid().
  [[nodiscard]] Read read(std::uint64_t number, FrameView& view) const noexcept;
  /// Whether everything read through the view since read() was the frame's. No system call.
  [[nodiscard]] bool still_valid(const FrameView& view) const noexcept;

  [[nodiscard]] const layout::Live& live() const noexcept { return header().live; }
  [[nodiscard]] std::uint64_t head() const noexcept { return live().head.load(std::memory_order_acquire); }
  /// The oldest frame that can be read now; head() when there is none. Looks at up to depth entries.
  [[nodiscard]] std::uint64_t oldest() const noexcept;
  [[nodiscard]] const FrameFormat& format() const noexcept { return format_; }
  [[nodiscard]] std::uint64_t epoch() const noexcept { return epoch_; }
  [[nodiscard]] std::uint64_t first_number() const noexcept { return first_number_; }
  [[nodiscard]] std::uint32_t depth() const noexcept { return depth_; }
  [[nodiscard]] std::uint64_t arena_bytes() const noexcept { return arena_bytes_; }
  [[nodiscard]] std::size_t file_bytes() const noexcept { return mapping_.size(); }
  [[nodiscard]] const layout::Header& header() const noexcept {
    return *reinterpret_cast<const layout::Header*>(mapping_.data());
  }
  [[nodiscard]] bool broken() const noexcept { return mapping_.broken(); }
  /// Whether `path` now names another file than this one. False while it names none.
  [[nodiscard]] bool replaced(const std::string& path) const noexcept;

 private:
  void check(const std::string& path);
  [[nodiscard]] const layout::Entry& entry(std::uint64_t number) const noexcept {
    return reinterpret_cast<const layout::Entry*>(mapping_.data() + index_offset_)[number & (depth_ - 1)];
  }
  [[nodiscard]] bool in_arena(std::uint64_t position, std::uint64_t bytes) const noexcept {
    return bytes <= arena_bytes_ && position % arena_bytes_ <= arena_bytes_ - bytes;
  }

  Mapping mapping_;
  dev_t device_ = 0;
  ino_t inode_ = 0;
  FrameFormat format_;
  std::uint64_t epoch_ = 0, first_number_ = 0, index_offset_ = 0, arena_offset_ = 0, arena_bytes_ = 1;
  std::size_t frame_bytes_ = 0;  // raw: what each payload must have at least
  std::uint32_t depth_ = 1;
};

/// What can be said of the writer of a generation; see WriterState. About 1 µs.
[[nodiscard]] WriterState writer_state_of(const RingView& view, const std::string& lock_path) noexcept;

}  // namespace camring
