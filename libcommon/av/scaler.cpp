#include "av/scaler.h"

#include <libyuv.h>

#include <utility>

#include "av/convert.h"
#include "av/ffmpeg_ptr.h"
#include "av/repack.h"

extern "C" {
#include <libavutil/opt.h>
}

namespace camring::av {
namespace {

constexpr std::uint32_t kExtreme = 32;

bool is_rgb(PixelFormat pixels) noexcept {
  return pixels == PixelFormat::rgb24 || pixels == PixelFormat::bgr24;
}

// The matrix as libswscale names it (the numbers of H.273); 0 where nobody said or it has none for it.
int matrix_of(const Colour& colour) noexcept {
  switch (colour.matrix) {
    case 1:
      return SWS_CS_ITU709;
    case 4:
      return SWS_CS_FCC;
    case 5:
    case 6:
      return SWS_CS_ITU601;
    case 7:
      return SWS_CS_SMPTE240M;
    case 9:
    case 10:
      return SWS_CS_BT2020;
    default:
      return 0;
  }
}

// The format to go through where libswscale's direct way is wrong: from YUV to RGB it is exact only without
// scaling from planes (all others give 253 for white), and from grey to NV12 it leaves the chroma unset.
PixelFormat between(PixelFormat from, PixelFormat to, bool same_size) noexcept {
  if (from == PixelFormat::gray8 && to == PixelFormat::nv12) return PixelFormat::i420;
  if (!is_rgb(to)) return PixelFormat::none;
  switch (from) {
    case PixelFormat::nv12:
      return PixelFormat::i420;
    case PixelFormat::yuyv:
    case PixelFormat::uyvy:
      return PixelFormat::i422;
    case PixelFormat::i420:
    case PixelFormat::i422:
      return same_size ? PixelFormat::none : from;
    default:
      return PixelFormat::none;
  }
}

// Exact halves, plane by plane: libyuv averages four samples in a tenth of the time. False: it is none.
bool halve(const ImageView& from, const ImageSpan& to) {
  const auto big = plane_extents(from.pixel_format, from.size);
  const auto small = plane_extents(to.pixel_format, to.size);
  const bool pairs = from.pixel_format == PixelFormat::nv12;
  if (is_rgb(from.pixel_format) || from.pixel_format == PixelFormat::yuyv ||
      from.pixel_format == PixelFormat::uyvy) {
    return false;
  }
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    if (big[i].row_bytes != 2 * small[i].row_bytes || big[i].rows != 2 * small[i].rows) return false;
  }
  for (std::size_t i = 0; i < kMaxPlanes && big[i].rows != 0; ++i) {
    const int width = static_cast<int>(big[i].row_bytes), height = static_cast<int>(big[i].rows);
    if (pairs && i == 1) {
      libyuv::UVScale(from.data[i], from.stride_bytes[i], width / 2, height, to.data[i], to.stride_bytes[i],
                      width / 4, height / 2, libyuv::kFilterBox);
    } else {
      libyuv::ScalePlane(from.data[i], from.stride_bytes[i], width, height, to.data[i], to.stride_bytes[i],
                         width / 2, height / 2, libyuv::kFilterBox);
    }
  }
  return true;
}

// Rows of plane `plane` that belong to the first `rows` (even) rows of the picture.
std::uint32_t rows_of(const ImageView& picture, std::size_t plane, std::uint32_t rows) noexcept {
  const bool halved =
      plane > 0 && (picture.pixel_format == PixelFormat::i420 || picture.pixel_format == PixelFormat::nv12);
  return halved ? rows / 2 : rows;
}

}  // namespace

void Scaler::Free::operator()(SwsContext* context) const noexcept { sws_freeContext(context); }

bool Scaler::prepare(const Side& from, const Side& to) {
  context_.reset();
  std::unique_ptr<SwsContext, Free> context(sws_alloc_context());
  if (!context) return false;
  // Ranges must be known before sws_init_context chooses a path: its shortcuts for equal sizes ignore them.
  const auto set = [&](const char* name, std::int64_t value) {
    av_opt_set_int(context.get(), name, value, 0);
  };
  set("srcw", from.size.width);
  set("srch", from.size.height);
  set("src_format", to_av(from.pixels));
  set("src_range", from.full ? 1 : 0);
  set("dstw", to.size.width);
  set("dsth", to.size.height);
  set("dst_format", to_av(to.pixels));
  set("dst_range", to.full ? 1 : 0);
  // Exact rounding costs next to nothing, but keeps libswscale from its fast and exact shortcut to RGB.
  const bool shortcut = is_rgb(to.pixels) && from.size == to.size;
  // Averaging over the area beats the triangle at shrinking, in time and in quality (tests/bench/README.md).
  const bool shrinks = to.size.width <= from.size.width && to.size.height <= from.size.height;
  const int linear = shrinks && !is_rgb(from.pixels) && !is_rgb(to.pixels) ? SWS_AREA : SWS_BILINEAR;
  set("sws_flags", (filter_ == Filter::bicubic ? SWS_BICUBIC : linear) |
                       (shortcut || linear == SWS_AREA ? 0 : SWS_ACCURATE_RND));
  if (sws_init_context(context.get(), nullptr, nullptr) < 0) return false;
  static constexpr int kOne = 1 << 16;
  if (sws_setColorspaceDetails(context.get(), sws_getCoefficients(from.matrix), from.full ? 1 : 0,
                               sws_getCoefficients(to.matrix), to.full ? 1 : 0, 0, kOne, kOne) < 0 &&
      from.matrix != to.matrix) {
    return false;
  }
  // Where libswscale chains two conversions inside (another matrix, extreme shrinking) it wants the picture
  // whole.
  in_slices_ = (from.matrix == to.matrix || is_rgb(from.pixels) || is_rgb(to.pixels)) &&
               from.size.height > 2 && from.size.width / to.size.width < kExtreme &&
               from.size.height / to.size.height < kExtreme;
  context_ = std::move(context);
  from_ = from;
  to_ = to;
  return true;
}

std::pair<Scaler::Side, Scaler::Side> Scaler::sides_of(const ImageView& from, const ImageSpan& to) noexcept {
  Side source{from.pixel_format, from.size, full_range(from.pixel_format, from.colour),
              matrix_of(from.colour)};
  Side target{to.pixel_format, to.size, full_range(to.pixel_format, to.colour), matrix_of(to.colour)};
  const bool luma_only = source.pixels == PixelFormat::gray8 || target.pixels == PixelFormat::gray8;
  if (source.matrix == 0 || is_rgb(source.pixels)) source.matrix = target.matrix;
  if (target.matrix == 0 || is_rgb(target.pixels)) target.matrix = source.matrix;
  if (source.matrix == 0 || luma_only) source.matrix = target.matrix = SWS_CS_ITU601;
  return {source, target};
}

bool Scaler::copies(const ImageView& from, const ImageSpan& to) noexcept {
  const auto [source, target] = sides_of(from, to);
  return source == target;
}

bool Scaler::scale(const ImageView& from, const ImageSpan& to) {
  auto [source, target] = sides_of(from, to);
  if (source == target) {
    copy_image(from, to);
    return true;
  }
  const bool same_numbers =
      source.size == target.size && source.full == target.full && source.matrix == target.matrix;
  if (same_numbers && can_repack(source.pixels, target.pixels)) {
    repack(from, to);
    return true;
  }
  if (source.full != target.full && source.matrix == target.matrix && can_change_range(source.pixels) &&
      can_change_range(target.pixels)) {
    // By itself it is a pass over the small picture; inside libswscale it doubles the cost of scaling.
    ImageSpan unchanged = to;
    unchanged.colour.range = source.full ? 2 : 1;
    if (!scale(from, unchanged)) return false;
    change_range(to, target.full);
    return true;
  }
  if (source.pixels == target.pixels && source.matrix == target.matrix && halve(from, to)) return true;
  if (const PixelFormat step = between(source.pixels, target.pixels, source.size == target.size);
      step != PixelFormat::none) {
    if (!before_) before_ = std::make_unique<Scaler>(filter_);
    Colour colour = from.colour;
    colour.range = source.full ? 2 : 1;
    between_.reshape(step, to.size, colour);
    return before_->scale(from, between_.span()) && scale(between_.view(), to);
  }
  const bool odd = source.size == target.size && source.size != even(source.size);
  if (odd) source.size = target.size = even(source.size);
  if ((!context_ || source != from_ || target != to_) && !prepare(source, target)) return false;
  return odd ? run_even(from, to) : run(from, to);
}

bool Scaler::run(const ImageView& from, const ImageSpan& to) {
  // Vector code reads up to 63 bytes behind a row. Within a picture that is the next row; the last rows are
  // taken from a copy with room behind it.
  const std::uint32_t height = from.size.height;
  const std::uint32_t head = in_slices_ ? (height - 1) / 2 * 2 : 0;
  ImageView tail = from;
  tail.size.height = height - head;
  for (std::size_t i = 0; i < kMaxPlanes; ++i) {
    if (tail.data[i] != nullptr)
      tail.data[i] += std::ptrdiff_t{rows_of(from, i, head)} * tail.stride_bytes[i];
  }
  source_stage_.reshape(tail.pixel_format, tail.size, tail.colour);
  copy_image(tail, source_stage_.span());
  const ImageView stage = source_stage_.view();
  int rows = 0;
  if (head > 0) {
    rows = sws_scale(context_.get(), from.data.data(), from.stride_bytes.data(), 0, static_cast<int>(head),
                     to.data.data(), to.stride_bytes.data());
    if (rows < 0) return false;
  }
  rows += sws_scale(context_.get(), stage.data.data(), stage.stride_bytes.data(), static_cast<int>(head),
                    static_cast<int>(height - head), to.data.data(), to.stride_bytes.data());
  return rows == static_cast<int>(to.size.height);
}

// libswscale's shortcuts for equal sizes leave the last row or column of odd pictures out.
bool Scaler::run_even(const ImageView& from, const ImageSpan& to) {
  source_stage_.reshape(from.pixel_format, from.size, from.colour);
  copy_image(from, source_stage_.span());
  repeat_edges(source_stage_.span());
  target_stage_.reshape(to.pixel_format, to.size, to.colour);
  const int height = static_cast<int>(even(from.size).height);
  const ImageView source = source_stage_.view();
  const ImageSpan target = target_stage_.span();
  if (sws_scale(context_.get(), source.data.data(), source.stride_bytes.data(), 0, height, target.data.data(),
                target.stride_bytes.data()) != height) {
    return false;
  }
  copy_image(target.view(), to);
  return true;
}

}  // namespace camring::av
