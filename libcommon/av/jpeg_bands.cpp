#include "av/jpeg_bands.h"

#include <algorithm>
#include <array>

namespace camring::av {
namespace {

constexpr std::uint32_t kLeastRows = 64;  // smaller bands cost more in headers and wake-ups than they save
constexpr std::uint32_t kMaxInterval = 65535;
constexpr std::uint8_t kSos = 0xda, kEoi = 0xd9, kDri = 0xdd, kRst0 = 0xd0;

// What is coded at once (A.2.3): a block of 8x8 in each direction and per chroma sample.
Size unit_of(PixelFormat pixels) noexcept {
  if (pixels == PixelFormat::i420) return {16, 16};
  if (pixels == PixelFormat::i422) return {16, 8};
  return {8, 8};
}

bool is_frame_header(std::uint8_t marker) noexcept {
  return marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
}

// Where an image's parts are, in bytes from its start.
struct Parts {
  std::size_t frame = 0;  // the frame header's marker
  std::size_t scan = 0;   // the scan header's marker
  std::size_t data = 0;   // the first entropy-coded byte
  std::size_t end = 0;    // the end marker
};

bool find_parts(std::span<const std::uint8_t> jpeg, Parts& parts) {
  std::size_t at = 2;
  while (at + 4 <= jpeg.size() && jpeg[at] == 0xff) {
    const std::uint8_t marker = jpeg[at + 1];
    const std::size_t length = std::size_t{jpeg[at + 2]} << 8 | jpeg[at + 3];
    if (at + 2 + length > jpeg.size()) return false;
    if (is_frame_header(marker)) parts.frame = at;
    if (marker == kSos) {
      parts.scan = at;
      parts.data = at + 2 + length;
      parts.end = jpeg.size() - 2;
      return parts.frame != 0 && parts.data <= parts.end && jpeg[parts.end] == 0xff &&
             jpeg[parts.end + 1] == kEoi;
    }
    at += 2 + length;
  }
  return false;
}

}  // namespace

std::vector<std::uint32_t> jpeg_band_rows(PixelFormat pixels, Size size, std::size_t wanted) {
  const Size unit = unit_of(pixels);
  const std::uint32_t units = (size.height + unit.height - 1) / unit.height;
  const std::uint32_t across = (size.width + unit.width - 1) / unit.width;
  const std::uint32_t most =
      std::max(1u, std::min(static_cast<std::uint32_t>(wanted), size.height / kLeastRows));
  const std::uint32_t each = (units + most - 1) / most;
  if (most == 1 || each * across > kMaxInterval) return {size.height};
  std::vector<std::uint32_t> rows;
  for (std::uint32_t top = 0; top < size.height; top += each * unit.height) {
    rows.push_back(std::min(each * unit.height, size.height - top));
  }
  return rows;
}

ImageView jpeg_band(const ImageView& picture, std::uint32_t top, std::uint32_t rows) noexcept {
  ImageView band = picture;
  band.size.height = rows;
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    if (band.data[i] == nullptr) continue;
    const std::uint32_t down = i > 0 && picture.pixel_format == PixelFormat::i420 ? top / 2 : top;
    band.data[i] += std::ptrdiff_t{down} * band.stride_bytes[i];
  }
  return band;
}

bool join_jpeg_bands(std::span<const std::span<const std::uint8_t>> bands, PixelFormat pixels, Size size,
                     std::vector<std::uint8_t>& out) {
  const Size unit = unit_of(pixels);
  const auto rows = jpeg_band_rows(pixels, size, bands.size());
  if (bands.empty() || rows.size() != bands.size()) return false;
  Parts first;
  if (!find_parts(bands[0], first)) return false;
  const std::uint32_t interval =
      (rows[0] + unit.height - 1) / unit.height * ((size.width + unit.width - 1) / unit.width);
  const auto append = [&out](std::span<const std::uint8_t> bytes) {
    out.insert(out.end(), bytes.begin(), bytes.end());
  };
  out.clear();
  append(bands[0].first(first.scan));
  out[first.frame + 5] = static_cast<std::uint8_t>(size.height >> 8);
  out[first.frame + 6] = static_cast<std::uint8_t>(size.height);
  if (bands.size() > 1) {
    const std::array<std::uint8_t, 6> restart{
        0xff, kDri, 0, 4, static_cast<std::uint8_t>(interval >> 8), static_cast<std::uint8_t>(interval)};
    append(restart);
  }
  append(bands[0].subspan(first.scan, first.end - first.scan));
  for (std::size_t i = 1; i < bands.size(); ++i) {
    Parts parts;
    if (!find_parts(bands[i], parts)) return false;
    const std::array<std::uint8_t, 2> marker{0xff, static_cast<std::uint8_t>(kRst0 + (i - 1) % 8)};
    append(marker);
    append(bands[i].subspan(parts.data, parts.end - parts.data));
  }
  const std::array<std::uint8_t, 2> end{0xff, kEoi};
  append(end);
  return true;
}

}  // namespace camring::av
