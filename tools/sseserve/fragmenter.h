// Frames made into what viewers get: fragments of MP4, or pictures, each wrapped once as server-sent event.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/metrics.h"
#include "av/bitstream.h"
#include "av/fmp4.h"
#include "frame/frame_info.h"
#include "options.h"
#include "unit.h"

namespace camring::sseserve {

/// A frame as it lay in its ring.
struct RingFrame {
  std::vector<std::uint8_t> bytes;
  FrameInfo info;
  std::int64_t wall_offset_ns = 0;  ///< CLOCK_REALTIME less CLOCK_MONOTONIC
  std::string metadata;             ///< JSON of what was seen in it; empty: nothing
  bool past = false;                ///< was there before anybody read the ring
};

struct FragmenterOptions {
  Channel channel = Channel::raw;
  std::string quality;
  std::string id_begin;                       ///< of event ids
  std::chrono::nanoseconds fragment_time{0};  ///< a fragment lasts at least so long, or ends at a keyframe
  std::function<void(std::shared_ptr<Unit>)> made;  ///< gets each unit, from within the calls below
};

/// One thread. Frames may hold any bytes.
class Fragmenter {
 public:
  /// @param unfit, late  frames that could not be wrapped; that had to wait for a keyframe
  Fragmenter(FragmenterOptions options, app::Counter& unfit, app::Counter& late);

  /// Frames of this format follow: of another writer, or of the same one, which begins anew.
  void begin(const FrameFormat& format);
  void take(RingFrame frame);
  /// What there is of a fragment is made one.
  void flush();
  void await_keyframe() noexcept { await_key_ = true; }  ///< a frame was lost
  /// Memory of frames that are fragments by now, for the next RingFrame::bytes.
  [[nodiscard]] std::vector<std::uint8_t> spare();

  [[nodiscard]] bool empty() const noexcept { return samples_.empty(); }  ///< nothing for flush()
  /// What frames are as far as they tell: the size and the parameter sets of the last keyframe.
  [[nodiscard]] const FrameFormat& format() const noexcept { return format_; }
  /// "video/mp4; codecs=…", "image/jpeg"; empty: not known yet.
  [[nodiscard]] const std::string& mime() const noexcept { return mime_; }
  /// Why the last keyframe could not be described to players; empty: it could.
  [[nodiscard]] const std::string& trouble() const noexcept { return trouble_; }
  /// From frame to frame, on average; 0: not known yet.
  [[nodiscard]] std::int64_t period_ns() const noexcept { return period_ns_; }

 private:
  struct Sample {
    std::vector<std::uint8_t> bytes;
    std::uint64_t decode_time;  // on the media time line
    std::uint32_t duration;
    bool key;
  };
  struct Span {
    std::uint64_t decode_time;  // on the media time line
    std::int64_t duration_ns;
  };
  // Of a frame, without its bytes.
  struct About {
    FrameInfo info;
    std::int64_t wall_offset_ns = 0;
  };
  void take_video(RingFrame frame);
  void take_jpeg(RingFrame frame);
  [[nodiscard]] bool describe_stream(std::span<const std::uint8_t> keyframe);
  void note_detections(const RingFrame& frame);
  void describe(const About& first, bool key, const Span& span);
  void emit(std::string_view name, const About& first, bool key, const Span& span,
            std::vector<std::uint8_t> bytes);

  FragmenterOptions options_;
  app::Counter &unfit_total_, &late_total_;
  FrameFormat format_;
  std::string mime_, trouble_;
  std::optional<av::StreamInspector> inspector_;
  std::optional<av::Fmp4Writer> writer_;
  std::shared_ptr<const Init> init_;
  std::vector<Sample> samples_;   // of the fragment at hand
  About first_;                   // its first frame
  std::int64_t complete_ns_ = 0;  // when the ring had the last one of the unit at hand
  bool past_ = false;             // that one
  std::string detections_;        // events that go out with it
  std::string about_, id_;        // of the unit at hand, as JSON, and as an event's
  const std::string about_begin_;
  std::vector<std::vector<std::uint8_t>> spare_;
  std::uint32_t fragment_ = 0;
  std::uint64_t sequence_ = 0, last_decode_time_ = 0;
  std::int64_t last_capture_ns_ = 0, period_ns_ = 0;
  bool await_key_ = false;
};

}  // namespace camring::sseserve
