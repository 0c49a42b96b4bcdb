// One output: its ring, its share of the source's frames, its encoder. Follows the source's format and tells
// its readers how the source does.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "app/log.h"
#include "app/metrics.h"
#include "app/ring_access.h"
#include "av/h264_order.h"
#include "encoder.h"
#include "outlet.h"
#include "output_spec.h"
#include "rate_reducer.h"
#include "source.h"

namespace camring::shmpub {

/// Why a frame that was due did not reach an output. A closed set: these are metric labels.
enum class OutputDrop {
  overwritten,  ///< the source's bytes were gone before the picture was made
  encoder,      ///< the encoder failed
  too_large,    ///< it does not fit into the ring and the ring could not grow
};
inline constexpr std::size_t kOutputDrops = 3;
[[nodiscard]] const char* to_string(OutputDrop drop) noexcept;

/// What is the same for all outputs of one process.
struct OutputSettings {
  std::string source;            ///< for shmstat
  std::uint32_t frames = 0;      ///< frames that each ring holds at least; 0: as the format suggests
  app::RingAccess access;        ///< of each ring
  bool on_demand = true;         ///< encode only while somebody reads
  std::string encoder = "auto";  ///< for H.264 and HEVC
  std::chrono::nanoseconds keyframe_interval{std::chrono::seconds(1)};  ///< for H.264 and HEVC
  bool draws = false;  ///< something is drawn into the pictures: no source's bytes are good enough
  std::chrono::nanoseconds delay{0};  ///< from a source frame's publication to its own; 0: at once
};

/// The picture that an output needs made of the source's.
struct PictureWish {
  PixelFormat pixels = PixelFormat::none;
  Size size;
  Colour colour;
  friend bool operator==(const PictureWish&, const PictureWish&) = default;
};

/// One thread at a time, not always the same; the counts of any thread.
class Output {
 public:
  Output(OutputSpec spec, const OutputSettings& settings, app::Metrics& metrics);

  /// How the output gets from the source's frames to its own.
  enum class Way {
    bytes,    ///< unchanged
    raw,      ///< a picture, converted straight into the ring
    encoded,  ///< a picture through the encoder
  };

  /// Makes the ring, or a new generation where the source's format asks for one. The next frame is a
  /// discontinuity.
  /// @throws Error as RingWriter and make_encoder do.
  void follow(const FrameFormat& source);

  /// Cheaper (dynamic quality): 0 is as ordered, each level costs less than the one before: fewer frames,
  /// then coarser ones, then smaller ones. Frames carry the flag degraded above 0.
  /// @return false: it stays as it was, because what the level needs does not open (logged)
  /// @throws Error when what was there before does not open any more either.
  bool set_level(int level);
  [[nodiscard]] int level() const noexcept { return level_; }
  [[nodiscard]] int max_level() const noexcept;
  [[nodiscard]] const char* level_text() const noexcept;  ///< what the level means, for people
  /// Frames depend on the ones before.
  [[nodiscard]] bool video() const noexcept { return is_video(spec_.codec); }
  [[nodiscard]] bool raw() const noexcept { return spec_.codec == Codec::raw; }
  /// Seconds spent on encoding, and the totals that consumers reported. Any thread.
  [[nodiscard]] double busy_seconds() const noexcept { return static_cast<double>(busy_ns_.load()) * 1e-9; }
  [[nodiscard]] std::vector<Consumer> consumers() const;
  /// Threads that may share out its work; before follow().
  void use(Workers& workers) noexcept { workers_ = &workers; }
  [[nodiscard]] bool ready() const noexcept { return outlet_ != nullptr; }
  [[nodiscard]] Size size() const noexcept { return outlet_->format().size; }
  [[nodiscard]] Way way() const noexcept { return way_; }

  /// Whether anybody wants this output's frames.
  [[nodiscard]] bool wanted() const noexcept;
  /// Whether this frame of the source is one of this output's.
  [[nodiscard]] bool due(const SourceFrame& frame) noexcept;

  /// What it needs of a picture of this kind. Ways raw and encoded.
  [[nodiscard]] PictureWish wish(const av::ImageView& picture) const noexcept;

  /// Way bytes: publishes the payload if it was whole until copied.
  void publish(const Source& source, const SourceFrame& frame);
  /// Way raw: memory of the ring to fill with the wished picture; empty when there is none (counted). Until
  /// the next claim its pixels may be read, also after commit().
  [[nodiscard]] av::ImageSpan claim(const SourceFrame& frame);
  void commit(const SourceFrame& frame);
  /// Way encoded. @param still_valid  asked after encoding, before publishing
  /// @throws Error (internal) when no encoder works any more.
  template <class StillValid>
  void encode(const av::ImageView& picture, const SourceFrame& frame, StillValid still_valid) {
    const bool taken = push(picture, frame);
    if (!still_valid()) return torn(frame);
    if (taken) publish_encoded();
  }
  void drop(OutputDrop reason, const SourceFrame& frame) noexcept;

  /// No frame follows: publishes what the encoder still holds. Then follow(), or nothing.
  void finish();
  /// When the last frame that a delay holds is due; empty when none is held. @throws Error as RingWriter does
  [[nodiscard]] std::optional<std::int64_t> held_until() const;

  /// Way encoded: the next picture must become a keyframe, somebody asked or has just come.
  [[nodiscard]] bool wants_keyframe() noexcept;
  /// Somebody asked for a keyframe that only the source can make (way bytes). True once.
  [[nodiscard]] bool wants_source_keyframe() noexcept;

  void beat() noexcept;
  void set_signal(bool present) noexcept;
  [[nodiscard]] const std::string& name() const noexcept { return spec_.name; }
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_total_.value(); }
  [[nodiscard]] std::uint64_t drops() const noexcept;
  [[nodiscard]] std::uint64_t drops(OutputDrop reason) const noexcept;
  [[nodiscard]] std::string description() const { return spec_.name + " " + describe(outlet_->format()); }

 private:
  // One picture inside the encoder, and what its frame will say.
  struct Carried {
    std::int64_t key;
    CommitInfo info;
    std::int64_t published_ns;  // the source's frame
    std::string metadata;
  };
  [[nodiscard]] OutputSpec effective(const FrameFormat& source) const;
  void take_level(int level);
  void apply();
  void limit_rate() noexcept;
  [[nodiscard]] bool untouched(const FrameFormat& source) const noexcept;
  [[nodiscard]] EncoderOrder encoder_order(const FrameFormat& source) const;
  [[nodiscard]] FrameFormat target(const FrameFormat& source) const;
  [[nodiscard]] bool keyframe_due(const SourceFrame& frame) noexcept;
  [[nodiscard]] bool push(const av::ImageView& picture, const SourceFrame& frame);
  void publish_encoded();
  void lose(const Carried& lost) noexcept;
  void lose_carried() noexcept;
  void torn(const SourceFrame& frame) noexcept;
  void adopt_extradata(std::vector<std::uint8_t> extradata);
  [[nodiscard]] bool make_room(std::size_t bytes, std::size_t metadata_bytes);
  void count(OutputDrop reason) noexcept;
  [[nodiscard]] CommitInfo commit_info(const SourceFrame& frame, bool keyframe) noexcept;
  void counted() noexcept;

  const OutputSpec ordered_;
  OutputSpec spec_;  // what was ordered, as dynamic quality leaves it
  OutputSettings settings_;
  FrameFormat source_;
  Workers* workers_ = nullptr;
  int level_ = 0;
  Way way_ = Way::encoded;
  RateReducer reducer_;
  std::unique_ptr<Encoder> encoder_;
  std::optional<av::ReorderRepair> repair_;  // way bytes, H.264
  std::unique_ptr<Outlet> outlet_;
  std::span<std::uint8_t> room_;     // that make_room() got
  std::uint32_t pending_flags_ = 0;  // discontinuities of frames that this output left out
  bool was_wanted_ = false;
  bool force_keyframe_ = true;
  std::int64_t keyframe_ns_ = 0;  // on the source's time line, when the last one was ordered
  std::int64_t next_key_ = 0;
  std::deque<Carried> carried_;
  app::Counter &frames_total_, &keyframes_total_, &bytes_total_;
  app::Gauge& level_gauge_;
  app::Histogram& encode_seconds_;
  std::atomic<std::int64_t> busy_ns_{0};
  std::array<app::Counter*, kOutputDrops> dropped_total_{};
  app::RepeatingFault level_fault_;
};

}  // namespace camring::shmpub
