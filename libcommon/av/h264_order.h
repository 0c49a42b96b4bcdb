// H.264 decoders hold pictures back for reordering unless the SPS says that there is none, and many cameras'
// SPS does not say. These tell whether a stream reorders, and say so in its SPS.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "av/bitstream.h"

namespace camring::av {

/// What an SPS says of the order of pictures.
struct H264Order {
  bool none =
      false;  ///< no stream with this SPS reorders (picture order count type 2, or a Baseline profile)
  std::optional<std::uint32_t>
      reorder_frames;  ///< max_num_reorder_frames, where bitstream_restriction says it
};
/// @param sps  a NAL unit of type 7. Empty when it can't be parsed.
[[nodiscard]] std::optional<H264Order> h264_order(NalUnit sps);

/// The same SPS with bitstream_restriction and max_num_reorder_frames 0 (ITU-T H.264, E.1.1), all else bit
/// for bit. Empty when it says so already or can't be parsed.
[[nodiscard]] std::optional<std::vector<std::uint8_t>> h264_sps_without_reordering(NalUnit sps);

/// Replaces each SPS of an Annex B byte stream that does not deny reordering. False: nothing was to be done
/// and `out` is untouched.
[[nodiscard]] bool deny_reordering(std::span<const std::uint8_t> annex_b, std::vector<std::uint8_t>& out);

/// Follows one stream from somewhere else and repairs its SPS once it is certain that nothing is reordered:
/// at once where the SPS proves it, else after whole groups of at least eight pictures without a B slice;
/// never where the SPS says that pictures are reordered, and never again after a B slice. One thread at a
/// time. Any bytes may come in.
class ReorderRepair {
 public:
  /// The access unit as it should go on: `access_unit` itself, or a repaired copy that lives until the next
  /// call.
  [[nodiscard]] std::span<const std::uint8_t> repair(std::span<const std::uint8_t> access_unit,
                                                     bool keyframe);
  /// The same for parameter sets outside the stream (Annex B), as far as is known by now.
  [[nodiscard]] std::vector<std::uint8_t> repair_extradata(std::span<const std::uint8_t> extradata) const;

 private:
  bool proven_ = false, reorders_ = false;
  unsigned seen_ = 0;  // pictures from the first keyframe on, up to what is proof
  std::vector<std::uint8_t> repaired_;
};

}  // namespace camring::av
