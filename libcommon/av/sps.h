// What sequence parameter sets say (ITU-T H.264, 7.3.2.1.1; H.265, 7.3.2.2), and which one a picture goes by.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <span>

#include "frame/format.h"

namespace camring::av {

/// What both standards say of samples.
struct SpsSamples {
  std::uint32_t chroma = 1;  ///< chroma_format_idc
  std::uint32_t luma_bits_minus8 = 0, chroma_bits_minus8 = 0;
  /// H.264 goes to 14 bits, HEVC to 16; decoders and MP4 not beyond 14.
  [[nodiscard]] bool plausible() const noexcept {
    return chroma <= 3 && luma_bits_minus8 <= 6 && chroma_bits_minus8 <= 6;
  }
};

/// Positions count bits of the unescaped unit, header byte included.
struct H264Sps {
  std::uint32_t profile = 0, id = 0, order_count_type = 0, reference_frames = 0;
  SpsSamples samples;
  Size size;                 ///< what is shown of it: cropped
  std::size_t vui_flag = 0;  ///< where vui_parameters_present_flag is
  bool vui = false;
  std::size_t restriction_flag = 0;  ///< where bitstream_restriction_flag is, with VUI
  bool restriction = false;
  std::size_t reorder = 0;  ///< where max_num_reorder_frames is, with restriction
  std::uint32_t reorder_frames = 0, buffered_frames = 0;
  bool intact = true;  ///< false: cut off within its VUI, as some cameras do; what comes before is right
};
/// Whether SPS of this profile_idc say what their samples are; all others have 4:2:0 with 8 bits.
[[nodiscard]] bool h264_tells_samples(std::uint32_t profile) noexcept;
/// @param rbsp  a unit of type 7, unescaped. Empty when it can't be parsed. Any bytes may come in.
[[nodiscard]] std::optional<H264Sps> parse_h264_sps(std::span<const std::uint8_t> rbsp);

/// With its profile_tier_level() (H.265, 7.3.3).
struct HevcSps {
  std::uint32_t layers_minus1 = 0, compatibility = 0, id = 0;
  bool nested = false, tier = false;
  std::uint8_t space = 0, profile = 0, level = 0;
  std::array<std::uint8_t, 6> constraints{};
  SpsSamples samples;
  Size size;  ///< within the conformance window
};
/// @param rbsp  a unit of type 33, unescaped. Empty when it can't be parsed. Any bytes may come in.
[[nodiscard]] std::optional<HevcSps> parse_hevc_sps(std::span<const std::uint8_t> rbsp);

/// What the parameter sets say of the picture that a slice belongs to.
struct SlicePicture {
  Size size;
  /// H.264: an I slice of a stream that looks back at one picture only, so that nothing behind it can ask for
  /// what was before. Some cameras send no other keyframes (libavcodec's parser takes them for such, too).
  bool starts_anew = false;
};

/// A stream's parameter sets. One thread at a time; any bytes may come in.
class PictureSets {
 public:
  explicit PictureSets(Codec codec) noexcept : codec_(codec) {}
  /// An SPS or a PPS, as it stands in the stream; of other units nothing is taken.
  void learn(std::span<const std::uint8_t> nal);
  /// @param nal  a slice. Empty while its parameter sets are not known.
  [[nodiscard]] std::optional<SlicePicture> picture_of(std::span<const std::uint8_t> nal) const;

 private:
  struct Sequence {
    Size size;
    std::uint32_t reference_frames = 0;
  };
  struct Picture {
    std::uint32_t sequence = 0;  // the id of its SPS
    bool one_reference = false;
  };
  Codec codec_;
  std::map<std::uint32_t, Sequence> sequences_;
  std::map<std::uint32_t, Picture> pictures_;
};

/// Whether a unit of type 6 (SEI) of H.264 says that decoders can start here (a recovery point: D.2.8).
[[nodiscard]] bool h264_recovery_point(std::span<const std::uint8_t> nal);

}  // namespace camring::av
