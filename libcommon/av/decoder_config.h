// What an MP4 file says of H.264 and HEVC before the first picture: the decoder configuration record that
// holds the parameter sets (ISO/IEC 14496-15), and the name under which browsers know the stream (RFC 6381).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "av/bitstream.h"
#include "frame/format.h"

namespace camring::av {

/// Made of a stream's parameter sets; a plain value.
struct DecoderConfig {
  Codec codec = Codec::none;
  /// The payload of avcC (14496-15, 5.3.3.1) or hvcC (8.3.3.1); NAL units have lengths of four bytes.
  std::vector<std::uint8_t> record;
  /// "avc1.64001f", "hvc1.1.6.L93.B0": what MSE's isTypeSupported() and addSourceBuffer() take after codecs=.
  std::string codec_string;
  /// VPS, SPS and PPS as they came, without start codes, each once, in the record's order.
  std::vector<std::vector<std::uint8_t>> sets;

  /// Whether a parameter set of the stream is one of these. Any bytes may come in.
  [[nodiscard]] bool has(NalUnit parameter_set) const noexcept;
};

/// @param codec           Codec::h264 or Codec::hevc
/// @param parameter_sets  Annex B, as FrameFormat::extradata has them; other NAL units among them are skipped
/// @throws Error (data) when a set is missing, cut off, too long or there are too many of a kind; (internal)
/// for other codecs. Any bytes may come in.
[[nodiscard]] DecoderConfig decoder_config(Codec codec, std::span<const std::uint8_t> parameter_sets);

}  // namespace camring::av
