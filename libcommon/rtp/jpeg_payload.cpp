#include "rtp/jpeg_payload.h"

#include <algorithm>
#include <array>

#include "rtp/bytes.h"

namespace camring::rtp {
namespace {

using Bytes = std::span<const std::uint8_t>;

// FNV-1a of counts and values of the tables in ITU-T T.81, annex K.3, by class and number.
constexpr std::array<std::pair<std::uint8_t, std::uint64_t>, 4> kStandardHuffman{
    {{0x00, 0x2a06fe474e29db95},
     {0x01, 0x7c7e4f8f115f0739},
     {0x10, 0x1424519e984219df},
     {0x11, 0x901af5735ecd5799}}};
constexpr std::uint32_t kMaxSide = 2040;  // 255 blocks of 8

std::uint64_t fnv(Bytes bytes) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const std::uint8_t byte : bytes) hash = (hash ^ byte) * 0x100000001b3;
  return hash;
}

// What was gathered on the way to the scan.
struct Headers {
  std::array<Bytes, 4> quantisation;
  Bytes frame;  // contents of SOF0
  Bytes dqt_and_sof;
  std::uint16_t restart_interval = 0;
};

bool take_dqt(Bytes segment, Headers& headers) {
  while (!segment.empty()) {
    const std::uint8_t id = segment[0];
    if (id > 3 || segment.size() < 65) return false;  // 16-bit tables are not baseline
    headers.quantisation[id] = segment.subspan(1, 64);
    segment = segment.subspan(65);
  }
  return true;
}

bool standard_huffman(Bytes segment) {
  while (!segment.empty()) {
    if (segment.size() < 17) return false;
    std::size_t size = 17;
    for (std::size_t i = 1; i <= 16; ++i) size += segment[i];
    if (size > segment.size()) return false;
    const auto known = std::find_if(kStandardHuffman.begin(), kStandardHuffman.end(),
                                    [&](const auto& one) { return one.first == segment[0]; });
    if (known == kStandardHuffman.end() || known->second != fnv(segment.subspan(1, size - 1))) return false;
    segment = segment.subspan(size);
  }
  return true;
}

// ONVIF Streaming Specification: the extension's profile is the SOI marker, its data the segments that follow
// it, filled up with 0xff.
std::vector<std::uint8_t> onvif_extension(Bytes frame) {
  std::vector<std::uint8_t> segments{0xff, 0xc0};
  put16(segments, static_cast<std::uint16_t>(frame.size() + 2));
  segments.insert(segments.end(), frame.begin(), frame.end());
  while (segments.size() % 4 != 0) segments.push_back(0xff);
  std::vector<std::uint8_t> extension{0xff, 0xd8};
  put16(extension, static_cast<std::uint16_t>(segments.size() / 4));
  extension.insert(extension.end(), segments.begin(), segments.end());
  return extension;
}

bool describe_frame(const Headers& headers, JpegPayload& jpeg) {
  const Bytes frame = headers.frame;
  if (frame.size() != 15 || frame[0] != 8 || frame[5] != 3) return false;  // 8 bits, 3 components
  const std::uint8_t luma = frame[7];
  if ((luma != 0x21 && luma != 0x22) || frame[10] != 0x11 || frame[13] != 0x11) return false;
  const std::uint32_t height = get16(frame, 1);
  const std::uint32_t width = get16(frame, 3);
  if (width == 0 || height == 0) return false;
  const std::uint8_t tables[2] = {frame[8], frame[11]};
  if (frame[14] != tables[1]) return false;
  for (const std::uint8_t id : tables) {
    if (id > 3 || headers.quantisation[id].empty()) return false;
    jpeg.tables.insert(jpeg.tables.end(), headers.quantisation[id].begin(), headers.quantisation[id].end());
  }
  jpeg.type = luma == 0x22 ? 1 : 0;
  if (width > kMaxSide || height > kMaxSide) {
    jpeg.extension = onvif_extension(frame);
  } else {
    jpeg.width_8 = static_cast<std::uint8_t>((width + 7) / 8);
    jpeg.height_8 = static_cast<std::uint8_t>((height + 7) / 8);
  }
  jpeg.restart_interval = headers.restart_interval;
  if (jpeg.restart_interval != 0) jpeg.type = static_cast<std::uint8_t>(jpeg.type + 64);
  return true;
}

}  // namespace

std::optional<JpegPayload> parse_jpeg_payload(Bytes bytes) {
  Headers headers;
  if (bytes.size() < 4 || bytes[0] != 0xff || bytes[1] != 0xd8) return std::nullopt;
  std::size_t at = 2;
  bool scan = false;
  while (!scan && at + 4 <= bytes.size()) {
    if (bytes[at] != 0xff) return std::nullopt;
    const std::uint8_t marker = bytes[at + 1];
    if (marker == 0xff) {  // fill byte
      ++at;
      continue;
    }
    const std::size_t size = get16(bytes, at + 2);
    if (size < 2 || at + 2 + size > bytes.size()) return std::nullopt;
    const Bytes segment = bytes.subspan(at + 4, size - 2);
    at += 2 + size;
    bool good = true;
    if (marker == 0xc0) {
      headers.frame = segment;
    } else if (marker > 0xc0 && marker <= 0xcf && marker != 0xc4) {
      good = false;  // neither progressive nor extended nor arithmetic coding
    } else if (marker == 0xc4) {
      good = standard_huffman(segment);
    } else if (marker == 0xdb) {
      good = take_dqt(segment, headers);
    } else if (marker == 0xdd) {
      good = segment.size() == 2;
      if (good) headers.restart_interval = get16(segment, 0);
    } else if (marker == 0xda) {
      scan = true;
    }
    if (!good) return std::nullopt;
  }
  JpegPayload jpeg;
  if (!scan || at >= bytes.size() || !describe_frame(headers, jpeg)) return std::nullopt;
  std::size_t end = bytes.size();
  while (end >= at + 2 && !(bytes[end - 2] == 0xff && bytes[end - 1] == 0xd9)) --end;
  if (end < at + 3) return std::nullopt;  // cut off
  jpeg.scan = bytes.subspan(at, end - 2 - at);
  if (jpeg.scan.size() >= (1u << 24)) return std::nullopt;  // the fragment offset has 24 bits
  return jpeg;
}

void write_jpeg_header(const JpegPayload& jpeg, std::size_t offset, std::vector<std::uint8_t>& out) {
  put32(out, static_cast<std::uint32_t>(offset));  // type-specific 0 (progressive scan), 24 bits of offset
  out.push_back(jpeg.type);
  out.push_back(255);  // the tables are in band
  out.push_back(jpeg.width_8);
  out.push_back(jpeg.height_8);
  if (jpeg.restart_interval != 0) {
    put16(out, jpeg.restart_interval);
    put16(out, 0xffff);  // first and last of the picture; no count: packets don't end at restart intervals
  }
  if (offset != 0) return;
  put16(out, 0);  // MBZ, 8-bit tables
  put16(out, static_cast<std::uint16_t>(jpeg.tables.size()));
  out.insert(out.end(), jpeg.tables.begin(), jpeg.tables.end());
}

}  // namespace camring::rtp
