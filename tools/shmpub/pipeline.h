// The graph that one source frame runs through: decoded once, made into each wished size and pixel format
// once, encoded once for each output, all shared; what is independent runs side by side.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "app/metrics.h"
#include "av/bitstream.h"
#include "av/jpeg.h"
#include "av/video_decoder.h"
#include "output.h"
#include "overlay.h"
#include "picture_node.h"
#include "source.h"
#include "workers.h"

namespace camring::shmpub {

/// Why a frame of the source gave no picture. A closed set: these are metric labels.
enum class SourceDrop { behind, overwritten, corrupt, truncated, unsupported, same };
inline constexpr std::size_t kSourceDrops = 6;
[[nodiscard]] const char* to_string(SourceDrop drop) noexcept;

/// What happens to pictures on their way, for all outputs.
struct PipelineOptions {
  Overlay overlay;
  unsigned drop_same = 0;  ///< frames equal to the one before that are left out in a row; 0: none are
};

/// One thread.
class Pipeline {
 public:
  /// @param source  the source's name, a metric label
  Pipeline(std::vector<std::unique_ptr<Output>> outputs, const std::string& source, app::Metrics& metrics,
           PipelineOptions options = {});

  /// The source has another format or began anew: outputs follow. @throws Error as RingWriter does.
  void follow(const FrameFormat& format);
  /// Brings one frame to all outputs whose it is.
  void process(Source& source, const SourceFrame& frame);
  /// No frame follows: brings what decoder and encoders still hold to the outputs.
  void finish(Source& source);
  /// When the last frame that outputs hold back is due; empty when none is held. @throws Error as RingWriter
  /// does
  [[nodiscard]] std::optional<std::int64_t> held_until() const;
  /// Takes over what the source lost by itself.
  void count(const SourceLosses& losses) noexcept;

  /// Whether all is done that can be: a frame has come through, or every output has its ring and nobody asks.
  [[nodiscard]] bool running() const noexcept { return ran_ || (followed_ && !wanted()); }
  /// Whether any output is wanted by somebody.
  [[nodiscard]] bool wanted() const noexcept;
  void beat() noexcept;
  void set_signal(bool present) noexcept;
  [[nodiscard]] const std::vector<std::unique_ptr<Output>>& outputs() const noexcept { return outputs_; }
  /// Seconds spent on frames, and how many came, since the start.
  [[nodiscard]] double busy_seconds() const noexcept { return static_cast<double>(busy_ns_) * 1e-9; }
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] const FrameFormat& format() const noexcept { return format_; }
  [[nodiscard]] std::uint64_t source_drops() const noexcept;
  [[nodiscard]] std::uint64_t source_drops(SourceDrop reason) const noexcept;

 private:
  bool adopt(Size size);
  bool adopt(FrameFormat format);
  void learn(const SourceFrame& frame);
  void learn(const av::ImageView& picture);
  void take_pictures(Source& source, std::int64_t start_ns);
  [[nodiscard]] bool resized_jpeg(const SourceFrame& frame) const noexcept;
  [[nodiscard]] bool same_as_before(const Source& source, const SourceFrame& frame);
  void run(Source& source, const SourceFrame& frame);
  void process_video(Source& source, const SourceFrame& frame);
  void pass_on(Output& output, Source& source, const SourceFrame& frame);
  void step(Source& source, const SourceFrame& frame, const av::ImageView& decoded);
  [[nodiscard]] av::ImageView picture_of(const SourceFrame& frame);
  [[nodiscard]] av::ImageView decode_jpeg(const SourceFrame& frame);
  [[nodiscard]] Size largest_wish() const noexcept;
  void run_nodes(Source& source, const SourceFrame& frame, const av::ImageView& picture);
  PictureNode& node_for(const PictureWish& wish);
  void drop(SourceDrop reason, std::uint64_t count = 1) noexcept;

  std::vector<std::unique_ptr<Output>> outputs_;
  std::vector<std::unique_ptr<EncodeJob>> encodings_;  // one for each output
  FrameFormat format_;
  PipelineOptions options_;
  std::vector<std::uint8_t> before_;         // the payload that came last, with drop_same
  std::vector<bool> has_before_;             // of each output: it published before_
  std::vector<std::uint64_t> drops_before_;  // of the outputs in due_, at the start of the step
  unsigned same_ = 0;                        // frames left out since
  std::int64_t busy_ns_ = 0;
  std::uint64_t frames_ = 0;
  bool ran_ = false;
  bool followed_ = false;  // not while only the first picture can tell the size
  bool learns_ = false;    // the source told no parameter sets: each keyframe is looked at
  std::optional<av::VideoDecoder> video_;
  std::optional<av::StreamInspector> inspector_;
  av::JpegDecoder jpeg_;
  av::Image jpeg_picture_;
  SourceFrame marked_;  // the frame at hand with what its decoder said of it
  std::vector<std::unique_ptr<PictureNode>> nodes_;
  std::vector<std::size_t> due_;  // indices of the outputs whose the frame at hand is
  Step step_;

  std::array<app::Counter*, kSourceDrops> dropped_total_{};
  app::Counter& damaged_total_;
  app::Histogram& decode_seconds_;
  SourceLosses counted_;
  Workers workers_;  // last: its threads end before anything they use goes
};

}  // namespace camring::shmpub
