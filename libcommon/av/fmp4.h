// Live video as fragmented MP4 (ISO/IEC 14496-12; the subset that CMAF, ISO/IEC 23000-19, allows): what Media
// Source Extensions and HLS take. An init segment once, then a fragment for each access unit or for several.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "av/decoder_config.h"
#include "base/units.h"
#include "frame/format.h"

namespace camring::av {

inline constexpr std::uint32_t kVideoTimescale = 90'000;                ///< RTP's clock for video
inline constexpr std::size_t kMaxFragmentBytes = std::size_t{1} << 28;  ///< of access units in one fragment

/// One access unit as a sample. Times are in units of the writer's timescale.
struct Fmp4Sample {
  std::span<const std::uint8_t> access_unit;  ///< Annex B; borrowed until write() has returned
  std::uint32_t duration = 0;                 ///< up to the next sample's decode time
  bool sync = false;                          ///< a decoder can start here
  std::int32_t composition_offset = 0;        ///< presentation time less decode time; 0 without B-frames
};

/// A message in the stream (DASHEventMessageBox, ISO/IEC 23009-1, 5.10.3.3; version 1). Everything is
/// borrowed until write() has returned.
struct Fmp4Event {
  std::string_view scheme;  ///< a URI that says what `data` is; no zero byte in it, nor in `value`
  std::string_view value;
  std::uint64_t time = 0;      ///< presentation time
  std::uint32_t duration = 0;  ///< 0xffffffff: unknown
  std::uint32_t id = 0;
  std::span<const std::uint8_t> data;
};

struct Fmp4Fragment {
  std::uint32_t sequence = 1;     ///< goes up from fragment to fragment
  std::uint64_t decode_time = 0;  ///< of the first sample
  std::span<const Fmp4Sample> samples;
  /// When the first sample was captured, CLOCK_REALTIME: written as producer reference time (prft).
  std::optional<std::int64_t> capture_wall_ns;
  std::span<const Fmp4Event> events;
  bool segment_type = false;  ///< begin with styp: the fragment is a segment of its own (a file of HLS)
};

/// What is wrong with a fragment.
enum class Fmp4Fault {
  none,
  no_samples,
  no_picture,  ///< an access unit without a coded slice: empty, or of parameter sets alone, or not Annex B
  broken_nal,  ///< a NAL unit that ends within its header
  new_parameters,  ///< parameter sets that the init segment does not have: a new writer is due
  too_large,       ///< more than kMaxFragmentBytes
  bad_event,       ///< a zero byte in an event's text
};
/// For people: "no picture in it". Any thread.
[[nodiscard]] std::string_view to_string(Fmp4Fault fault) noexcept;

/// Writes one video track. One thread at a time; once buffers have grown it does not allocate.
///
/// Samples are what avc1 and hvc1 demand: parameter sets are taken out (the init segment has them), and so
/// are access unit delimiters and filler data, which mean nothing in a file; all other NAL units go in
/// unchanged, with lengths of four bytes for start codes.
class Fmp4Writer {
 public:
  /// @param parameter_sets  Annex B: FrameFormat::extradata
  /// @param timescale       units a second, from 1
  /// @throws Error (data) as decoder_config() does, and for a size of 0 or above 65535.
  Fmp4Writer(Codec codec, Size size, std::span<const std::uint8_t> parameter_sets,
             std::uint32_t timescale = kVideoTimescale);

  [[nodiscard]] const DecoderConfig& config() const noexcept { return config_; }
  [[nodiscard]] std::uint32_t timescale() const noexcept { return timescale_; }
  /// For MSE: "video/mp4; codecs=\"avc1.64001f\"".
  [[nodiscard]] std::string mime_type() const;
  /// ftyp and moov: what a player needs before any fragment.
  [[nodiscard]] std::vector<std::uint8_t> init_segment() const;

  /// Looks through the samples and adds up sizes; write() may follow where this says none. Any bytes may come
  /// in. What `fragment` borrows must stay as it is in between.
  [[nodiscard]] Fmp4Fault plan(const Fmp4Fragment& fragment);
  /// Bytes of the planned fragment; 0 when nothing is planned.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  /// Writes the planned fragment to the front of `out`: [styp] [prft] [emsg…] moof mdat. The plan is then
  /// done with.
  /// @return false, and nothing is written: nothing is planned, or `out` is shorter than size().
  [[nodiscard]] bool write(std::span<std::uint8_t> out);
  /// plan() and write() into `out`, which is resized.
  [[nodiscard]] Fmp4Fault write(const Fmp4Fragment& fragment, std::vector<std::uint8_t>& out);

 private:
  [[nodiscard]] Fmp4Fault plan_sample(const Fmp4Sample& sample);
  DecoderConfig config_;
  Size picture_;
  std::uint32_t timescale_;
  // The plan: the fragment, its samples' sizes, and their NAL units one behind the other.
  Fmp4Fragment fragment_;
  std::vector<std::uint32_t> sample_bytes_;
  std::vector<NalUnit> nals_;
  std::size_t size_ = 0, moof_bytes_ = 0, payload_bytes_ = 0;
  bool offsets_ = false;
};

}  // namespace camring::av
