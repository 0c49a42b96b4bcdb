// A JPEG picture as RFC 2435 sends it: without headers, the receiver makes them again.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace camring::rtp {

/// What goes into the RTP payload headers, and the entropy-coded data. Points into the picture.
struct JpegPayload {
  std::uint8_t type = 0;                   ///< 0: 4:2:2, 1: 4:2:0; 64 more with restart markers
  std::uint8_t width_8 = 0, height_8 = 0;  ///< in blocks of 8; both 0 when the extension says the size
  std::uint16_t restart_interval = 0;      ///< MCUs; 0 without restart markers
  std::vector<std::uint8_t> tables;        ///< the luma and the chroma quantisation table, 64 bytes each
  std::span<const std::uint8_t> scan;      ///< after the header of the scan, up to the end marker
  std::vector<std::uint8_t> extension;     ///< ONVIF: an RTP header extension, or nothing
};

/// Takes a baseline picture with the Huffman tables of ITU-T T.81, annex K.3, apart. Empty for anything that
/// can't be sent so: progressive, 4:4:4, grey, own Huffman tables, damaged headers. Any bytes may come in.
[[nodiscard]] std::optional<JpegPayload> parse_jpeg_payload(std::span<const std::uint8_t> jpeg);

/// The payload header of the packet that starts at `offset` of the scan: main header, restart header, and at
/// the start the quantisation tables.
void write_jpeg_header(const JpegPayload& jpeg, std::size_t offset, std::vector<std::uint8_t>& out);

}  // namespace camring::rtp
