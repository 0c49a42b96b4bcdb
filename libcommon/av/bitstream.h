// What must be known of H.264 and HEVC without decoding: where a decoder can start, with which parameter
// sets, and how large the picture is.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "av/sps.h"
#include "frame/format.h"

namespace camring::av {

/// One NAL unit of an Annex B byte stream (ITU-T H.264 and H.265, Annex B), without its start code and
/// without the zero bytes behind it.
using NalUnit = std::span<const std::uint8_t>;

/// Takes the first NAL unit off `bytes`; empty when there is none. What stands before the first start code is
/// skipped.
[[nodiscard]] NalUnit next_nal(std::span<const std::uint8_t>& bytes) noexcept;

/// nal_unit_type: 5 bits in H.264 (7.3.1), 6 bits in HEVC (7.3.1.2). -1 for an empty unit.
[[nodiscard]] int nal_type(Codec codec, NalUnit nal) noexcept;
[[nodiscard]] bool is_sps(Codec codec, NalUnit nal) noexcept;
[[nodiscard]] bool is_pps(Codec codec, NalUnit nal) noexcept;
/// VPS, SPS or PPS.
[[nodiscard]] bool is_parameter_set(Codec codec, NalUnit nal) noexcept;
/// A coded slice: from here on an access unit has pictures.
[[nodiscard]] bool is_slice(Codec codec, NalUnit nal) noexcept;
/// H.264: a slice of an IDR picture. HEVC: of an IRAP picture (IDR, BLA, CRA).
[[nodiscard]] bool is_random_access(Codec codec, NalUnit nal) noexcept;

/// What one access unit holds.
struct AccessUnit {
  bool keyframe = false;        ///< a decoder can start here
  bool picture = false;         ///< it has slices; units of parameter sets alone have none
  bool parameter_sets = false;  ///< its own SPS and PPS stand before its picture
};

/// Follows one stream: looks at each access unit and keeps the parameter sets that are in force.
/// One thread at a time. Any bytes may come in.
class StreamInspector {
 public:
  /// @param codec      Codec::h264 or Codec::hevc
  /// @param extradata  parameter sets from outside the stream, Annex B; may be empty
  explicit StreamInspector(Codec codec, std::span<const std::uint8_t> extradata = {});

  [[nodiscard]] AccessUnit inspect(std::span<const std::uint8_t> access_unit);

  /// The parameter sets in force, Annex B, each with a four-byte start code; empty until SPS and PPS are
  /// known.
  [[nodiscard]] const std::vector<std::uint8_t>& extradata() const noexcept { return extradata_; }
  /// The size of the newest picture, as its SPS says; empty until a picture was inspected.
  [[nodiscard]] std::optional<Size> size() const noexcept { return size_; }

 private:
  bool collect(std::span<const std::uint8_t> bytes, AccessUnit& unit);

  Codec codec_;
  PictureSets sets_;
  std::vector<std::uint8_t> extradata_, found_;
  std::optional<Size> size_;
};

}  // namespace camring::av
