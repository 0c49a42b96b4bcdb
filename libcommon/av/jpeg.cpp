#include "av/jpeg.h"

#include <turbojpeg.h>

#include <algorithm>
#include <array>
#include <string_view>

#include "av/repack.h"
#include "base/error.h"

namespace camring::av {
namespace {

constexpr std::uint64_t kMaxPixels = std::uint64_t{64} << 20;

PixelFormat planes_of(int subsampling) noexcept {
  switch (subsampling) {
    case TJSAMP_420:
      return PixelFormat::i420;
    case TJSAMP_422:
      return PixelFormat::i422;
    case TJSAMP_444:
      return PixelFormat::i444;
    case TJSAMP_GRAY:
      return PixelFormat::gray8;
    default:
      return PixelFormat::none;
  }
}

int subsampling_of(PixelFormat pixels) noexcept {
  for (const int subsampling : {TJSAMP_420, TJSAMP_422, TJSAMP_444, TJSAMP_GRAY}) {
    if (planes_of(subsampling) == pixels) return subsampling;
  }
  return -1;
}

std::uint32_t reduced(std::uint32_t side, unsigned factor) noexcept { return (side + factor - 1) / factor; }

// The last place of marker FF xx; entropy-coded data never holds one, there FF is followed by 00 or RSTn.
std::size_t last_marker(std::span<const std::uint8_t> jpeg, std::uint8_t marker) noexcept {
  for (std::size_t at = jpeg.size() - 1; at-- > 0;) {
    if (jpeg[at] == 0xff && jpeg[at + 1] == marker) return at;
  }
  return 0;
}

}  // namespace

bool jpeg_is_whole(std::span<const std::uint8_t> jpeg) noexcept {
  if (jpeg.size() < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8 || jpeg[2] != 0xff) return false;
  const std::size_t end = last_marker(jpeg, 0xd9);
  if (end + 2 == jpeg.size()) return true;
  // Bytes behind the end: padding, or the end was a thumbnail's and the picture's own is missing.
  return end != 0 && end > last_marker(jpeg, 0xda);
}

std::optional<Size> jpeg_size(std::span<const std::uint8_t> jpeg) noexcept {
  if (jpeg.size() < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8) return std::nullopt;
  const auto get16 = [&](std::size_t at) { return std::uint32_t{jpeg[at]} << 8 | jpeg[at + 1]; };
  for (std::size_t at = 2; at + 9 <= jpeg.size() && jpeg[at] == 0xff;) {
    const std::uint8_t marker = jpeg[at + 1];
    if (marker == 0xff) {  // fill
      ++at;
      continue;
    }
    if (marker == 0xda || marker == 0xd9) break;
    const bool frame = marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc;
    const Size size{get16(at + 7), get16(at + 5)};
    if (frame) return size.width != 0 && size.height != 0 ? std::optional(size) : std::nullopt;
    at += 2 + std::max(2u, get16(at + 2));
  }
  return std::nullopt;
}

unsigned jpeg_reduction(Size jpeg, Size target) noexcept {
  if (target.width == 0 || target.height == 0) return 1;
  for (const unsigned factor : {8u, 4u, 2u}) {
    if (reduced(jpeg.width, factor) >= target.width && reduced(jpeg.height, factor) >= target.height)
      return factor;
  }
  return 1;
}

void JpegDecoder::Destroy::operator()(void* handle) const noexcept { tjDestroy(handle); }

JpegDecoder::JpegDecoder() : handle_(tjInitDecompress()) {
  if (!handle_) throw Error(ExitCode::system, "start the JPEG decoder", "", tjGetErrorStr2(nullptr));
}

JpegStatus JpegDecoder::give_up(std::span<const std::uint8_t> jpeg) noexcept {
  // TurboJPEG 2.1 takes the next file's header for more of a broken one's: never use such a handle again.
  handle_.reset(tjInitDecompress());
  return jpeg_is_whole(jpeg) ? JpegStatus::corrupt : JpegStatus::truncated;
}

JpegStatus JpegDecoder::judge_warning(std::span<const std::uint8_t> jpeg) const noexcept {
  if (!jpeg_is_whole(jpeg)) return JpegStatus::truncated;
  const std::string_view text = tjGetErrorStr2(handle_.get());
  return text.find("extraneous bytes") != std::string_view::npos ? JpegStatus::warning : JpegStatus::damaged;
}

JpegStatus JpegDecoder::decode(std::span<const std::uint8_t> jpeg, Size target, Image& out) {
  if (!handle_ || jpeg.size() < 4 || jpeg[0] != 0xff || jpeg[1] != 0xd8) return JpegStatus::corrupt;
  int width = 0, height = 0, subsampling = 0, colourspace = 0;
  const bool read = tjDecompressHeader3(handle_.get(), jpeg.data(), jpeg.size(), &width, &height,
                                        &subsampling, &colourspace) == 0;
  // A header with a warning is a header when there is a size in it.
  if ((!read && tjGetErrorCode(handle_.get()) != TJERR_WARNING) || width <= 0 || height <= 0)
    return give_up(jpeg);
  if (colourspace == TJCS_CMYK || colourspace == TJCS_YCCK ||
      static_cast<std::uint64_t>(width) * static_cast<std::uint64_t>(height) > kMaxPixels) {
    return JpegStatus::unsupported;
  }
  const Size full{static_cast<std::uint32_t>(width), static_cast<std::uint32_t>(height)};
  full_size_ = full;
  const unsigned factor = jpeg_reduction(full, target);
  const Size size{reduced(full.width, factor), reduced(full.height, factor)};
  const auto w = static_cast<int>(size.width);
  const auto h = static_cast<int>(size.height);

  PixelFormat pixels = colourspace == TJCS_RGB ? PixelFormat::none : planes_of(subsampling);
  int result = 0;
  if (pixels != PixelFormat::none) {
    out.reshape(pixels, size, jpeg_colour());
    auto planes = out.span().data;
    auto strides = out.span().stride_bytes;
    result = tjDecompressToYUVPlanes(handle_.get(), jpeg.data(), jpeg.size(), planes.data(), w,
                                     strides.data(), h, TJFLAG_LIMITSCANS);
  } else {
    out.reshape(PixelFormat::rgb24, size, jpeg_colour());
    result = tjDecompress2(handle_.get(), jpeg.data(), jpeg.size(), out.span().data[0], w,
                           out.span().stride_bytes[0], h, TJPF_RGB, TJFLAG_LIMITSCANS);
  }
  if (result == 0) return JpegStatus::ok;
  return tjGetErrorCode(handle_.get()) == TJERR_WARNING ? judge_warning(jpeg) : give_up(jpeg);
}

void JpegEncoder::Destroy::operator()(void* handle) const noexcept { tjDestroy(handle); }

JpegEncoder::JpegEncoder(int quality) : handle_(tjInitCompress()), quality_(std::clamp(quality, 1, 100)) {
  if (!handle_) throw Error(ExitCode::system, "start the JPEG encoder", "", tjGetErrorStr2(nullptr));
}

bool JpegEncoder::takes(PixelFormat pixels) noexcept { return subsampling_of(pixels) >= 0; }

PixelFormat JpegEncoder::nearest(PixelFormat pixels) noexcept {
  if (takes(pixels)) return pixels;
  return pixels == PixelFormat::yuyv || pixels == PixelFormat::uyvy ? PixelFormat::i422 : PixelFormat::i420;
}

std::span<const std::uint8_t> JpegEncoder::encode(const ImageView& picture) {
  const int subsampling = subsampling_of(picture.pixel_format);
  const auto width = static_cast<int>(picture.size.width);
  const auto height = static_cast<int>(picture.size.height);
  if (subsampling < 0) return {};
  const std::size_t needed = tjBufSize(width, height, subsampling);
  if (needed > capacity_) {
    buffer_ = std::make_unique_for_overwrite<std::uint8_t[]>(needed);
    capacity_ = needed;
  }
  // TurboJPEG reads luma up to whole chroma samples: one column and row more than an odd picture has.
  ImageView source = picture;
  if ((width % 2 != 0 || height % 2 != 0) && picture.pixel_format != PixelFormat::gray8) {
    padded_.reshape(picture.pixel_format, picture.size, picture.colour);
    copy_image(picture, padded_.span());
    repeat_edges(padded_.span());
    source = padded_.view();
  }
  unsigned char* bytes = buffer_.get();
  unsigned long size = capacity_;
  if (tjCompressFromYUVPlanes(handle_.get(), source.data.data(), width, source.stride_bytes.data(), height,
                              subsampling, &bytes, &size, quality_, TJFLAG_NOREALLOC) != 0) {
    return {};
  }
  return {buffer_.get(), size};
}

}  // namespace camring::av
