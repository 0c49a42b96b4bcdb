// The reading side of a ring: any number of processes, no write permission, no way to hurt the writer.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ring/ring_types.h"

namespace camring {

/// Where a reader begins in a ring that already has frames.
enum class ReadStart {
  newest,  ///< the newest frame; in H.264 and HEVC the newest keyframe and all after it
  live,  ///< the next frame to come (of a ring that is not there yet, the first); in H.264 and HEVC the next
         ///< keyframe
  oldest,  ///< the oldest frame (keyframe) that is still there
};

struct ReaderOptions {
  ReadStart start = ReadStart::newest;
  bool connect = false;    ///< be a consumer on the control channel (demand, statistics)
  std::string label = {};  ///< how shmstat names this consumer
};

/// What next() brought.
enum class ReadStatus {
  frame,    ///< a frame is in the view
  timeout,  ///< nothing came in time; writer_state() says why
  moved,    ///< the reader is now on another generation: look at format(); frames follow with the next call
  corrupt,  ///< the ring's bytes make no sense; the reader let go of it and will re-open the name
};

/// One frame in place, in shared memory. The writer may overwrite it at any time: use the bytes, then ask
/// RingReader::still_valid; what a parser trusts is copied first (RingReader::copy). Valid until the next
/// call of the reader's next() at the latest.
struct FrameView {
  FrameInfo info;
  std::span<const std::uint8_t> payload;
  std::span<const std::uint8_t> metadata;  ///< JSON, may be empty
  std::uint64_t missed = 0;    ///< frames between the one before and this one that this reader did not get
  std::uint64_t position = 0;  ///< internal: arena position, for still_valid
};

/// Reads one ring by name and follows it through deaths and changes of format. One thread at a time.
class RingReader {
 public:
  /// Opens the ring if it is there; one that is not is waited for by next().
  /// @throws Error: usage (bad name), no_permission, data (a ring of another version or with impossible
  /// content).
  explicit RingReader(std::string_view name, ReaderOptions options = {});
  RingReader(RingReader&&) noexcept;
  RingReader& operator=(RingReader&&) noexcept;
  ~RingReader();

  /// The next frame in order, waiting at most `timeout` (zero: only look, without any system call when a
  /// frame is there). A reader that was overtaken goes on with the newest frame (in H.264 and HEVC the newest
  /// keyframe, else the next to come); view.missed says how many were lost, exactly.
  [[nodiscard]] ReadStatus next(FrameView& view, std::chrono::nanoseconds timeout);

  /// As next(), but skips to the newest frame at once when more than one is waiting. For raw and MJPEG.
  [[nodiscard]] ReadStatus newest(FrameView& view, std::chrono::nanoseconds timeout);

  /// As newest() without waiting, and what is passed over is not missed: for who looks only now and then.
  [[nodiscard]] ReadStatus glance(FrameView& view);

  /// Whether the view's bytes have been the frame's, whole, up to this call.
  [[nodiscard]] bool still_valid(const FrameView& view) const noexcept;

  /// Copies payload and, if wanted, metadata, then checks. False: overwritten meanwhile; what was copied is
  /// void.
  [[nodiscard]] bool copy(const FrameView& view, std::vector<std::uint8_t>& payload,
                          std::string* metadata = nullptr) const;

  /// The current generation's format; codec none while there is no ring. Changes only inside next()/newest().
  [[nodiscard]] const FrameFormat& format() const noexcept;
  [[nodiscard]] const std::string& name() const noexcept;
  [[nodiscard]] bool attached() const noexcept;  ///< a generation is mapped
  [[nodiscard]] WriterState writer_state() const noexcept;
  [[nodiscard]] std::uint64_t epoch() const noexcept;
  /// What to add to the ring's times to get wall time; follows clock corrections.
  [[nodiscard]] std::int64_t wall_offset_ns() const noexcept;
  [[nodiscard]] std::uint64_t seen() const noexcept;    ///< frames handed out
  [[nodiscard]] std::uint64_t missed() const noexcept;  ///< frames lost, in all

  /// Connects to or disconnects from the control channel: tells the writer that somebody wants frames.
  void set_demand(bool wanted);
  /// Asks the writer for a keyframe; a hint. Needs demand.
  void request_keyframe();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace camring
