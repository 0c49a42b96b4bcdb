// What a smaller picture costs and how good it is: libswscale, libyuv and our Scaler over them, from 1080p to
// the sizes that streams have. README.md has the command and what it gave.
#include <libyuv.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "av/convert.h"
#include "av/ffmpeg_ptr.h"
#include "av/scaler.h"
#include "support/report.h"

namespace {

using namespace camring;
using namespace camring::av;

constexpr Size kFrom{1920, 1080};
constexpr int kRepeats = 5;
constexpr int kFrames = 60;

double thread_cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// Edges at all angles, gradients and noise: what cameras see, and what bad filters spoil.
void scene(const ImageSpan& picture, std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto extents = plane_extents(picture.pixel_format, picture.size);
  for (std::size_t i = 0; i < kMaxPlanes && extents[i].rows != 0; ++i) {
    for (std::uint32_t y = 0; y < extents[i].rows; ++y) {
      std::uint8_t* row = picture.data[i] + std::ptrdiff_t{y} * picture.stride_bytes[i];
      for (std::uint32_t x = 0; x < extents[i].row_bytes; ++x) {
        const double u = double(x) / extents[i].row_bytes, v = double(y) / extents[i].rows;
        const double zone = std::sin(400 * (u * u + v * v));
        const double edges = (int(u * 23 + v * 11) + int(v * 17 - u * 5)) % 2 != 0 ? 30 : -30;
        const double value = 126 + 40 * zone * (i == 0 ? 1 : 0.3) + edges + double(random() % 7) - 3;
        row[x] = static_cast<std::uint8_t>(std::clamp(value, 16.0, 235.0));
      }
    }
  }
}

double psnr(const ImageView& a, const ImageView& b) {
  double sum = 0;
  for (std::uint32_t y = 0; y < a.size.height; ++y) {
    const std::uint8_t* p = a.data[0] + std::ptrdiff_t{y} * a.stride_bytes[0];
    const std::uint8_t* q = b.data[0] + std::ptrdiff_t{y} * b.stride_bytes[0];
    for (std::uint32_t x = 0; x < a.size.width; ++x) sum += (p[x] - q[x]) * (p[x] - q[x]);
  }
  return 10 * std::log10(255.0 * 255.0 * a.size.width * a.size.height / std::max(sum, 1e-9));
}

std::function<void(const ImageView&, const ImageSpan&)> swscale(int flags) {
  auto context = std::make_shared<SwsPtr>();
  return [context, flags](const ImageView& from, const ImageSpan& to) {
    if (!*context) {
      context->reset(sws_getContext(int(from.size.width), int(from.size.height), to_av(from.pixel_format),
                                    int(to.size.width), int(to.size.height), to_av(to.pixel_format), flags,
                                    nullptr, nullptr, nullptr));
    }
    sws_scale(context->get(), from.data.data(), from.stride_bytes.data(), 0, int(from.size.height),
              to.data.data(), to.stride_bytes.data());
  };
}

std::function<void(const ImageView&, const ImageSpan&)> yuv(libyuv::FilterMode mode) {
  return [mode](const ImageView& f, const ImageSpan& t) {
    libyuv::I420Scale(f.data[0], f.stride_bytes[0], f.data[1], f.stride_bytes[1], f.data[2],
                      f.stride_bytes[2], int(f.size.width), int(f.size.height), t.data[0], t.stride_bytes[0],
                      t.data[1], t.stride_bytes[1], t.data[2], t.stride_bytes[2], int(t.size.width),
                      int(t.size.height), mode);
  };
}

}  // namespace

int main() {
  std::printf("1920x1080 I420 to I420, one core; PSNR of luma against libswscale's lanczos.\n\n");
  const bench::Table table({"to", "by", "CPU ms", "/ copy", "PSNR dB"});
  Image from;
  from.reshape(PixelFormat::i420, kFrom, {1, 2, 2, 2});
  scene(from.span(), 1);
  for (const Size size : {Size{1280, 720}, Size{960, 540}, Size{640, 480}, Size{640, 360}}) {
    Image reference;
    reference.reshape(PixelFormat::i420, size, {1, 2, 2, 2});
    swscale(SWS_LANCZOS | SWS_ACCURATE_RND | SWS_FULL_CHR_H_INT)(from.view(), reference.span());
    Scaler limited, full;
    struct Side {
      const char* name;
      std::function<void(const ImageView&, const ImageSpan&)> run;
      Colour colour{1, 2, 2, 2};
      std::vector<double> ms{};
      double quality = 0;
    };
    Image copy;
    copy.reshape(PixelFormat::i420, kFrom, {1, 2, 2, 2});
    std::vector<Side> sides{
        {"copy of the source", [&](const ImageView& f, const ImageSpan&) { copy_image(f, copy.span()); }},
        {"camring Scaler", [&](const ImageView& f, const ImageSpan& t) { (void)limited.scale(f, t); }},
        {"camring Scaler, to full range",
         [&](const ImageView& f, const ImageSpan& t) { (void)full.scale(f, t); },
         {2, 2, 2, 2}},
        {"libyuv bilinear", yuv(libyuv::kFilterBilinear)},
        {"libyuv box", yuv(libyuv::kFilterBox)},
        {"swscale fast bilinear", swscale(SWS_FAST_BILINEAR)},
        {"swscale bilinear", swscale(SWS_BILINEAR | SWS_ACCURATE_RND)},
        {"swscale area", swscale(SWS_AREA)},
        {"swscale bicubic", swscale(SWS_BICUBIC)},
    };
    for (int repeat = 0; repeat < kRepeats; ++repeat) {
      for (Side& side : sides) {
        Image to;
        to.reshape(PixelFormat::i420, size, side.colour);
        side.run(from.view(), to.span());
        const double start = thread_cpu_ms();
        for (int i = 0; i < kFrames; ++i) side.run(from.view(), to.span());
        side.ms.push_back((thread_cpu_ms() - start) / kFrames);
        side.quality = side.colour.range == 1 && &side != &sides[0] ? psnr(to.view(), reference.view()) : 0;
      }
    }
    const double base = bench::median(sides[0].ms);
    for (const Side& side : sides) {
      std::array<char, 32> quality{};
      if (side.quality > 0) std::snprintf(quality.data(), quality.size(), "%.1f", side.quality);
      const double ms = bench::median(side.ms);
      std::array<char, 32> time{};
      std::snprintf(time.data(), time.size(), "%.2f", ms);
      std::array<char, 32> ratio{};
      std::snprintf(ratio.data(), ratio.size(), "%.2f", ms / base);
      bench::Table::row({to_string(size), side.name, time.data(), ratio.data(), quality.data()});
    }
  }
  return 0;
}
