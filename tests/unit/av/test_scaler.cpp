#include <sys/mman.h>
#include <unistd.h>

#include "av/ffmpeg_ptr.h"
#include "av/scaler.h"
#include "catch.h"
#include "unit/av/pictures.h"

using namespace camring;
using namespace camring::av;
using test::colour;

namespace {

struct Quiet {
  Quiet() { av_log_set_level(AV_LOG_ERROR); }
} quiet;

Image flat_luma(PixelFormat pixels, Size size, const Colour& meaning, std::uint8_t luma) {
  Image image;
  image.reshape(pixels, size, meaning);
  switch (pixels) {
    case PixelFormat::nv12:
      test::fill(image.span(), {{luma}, {128}});
      break;
    case PixelFormat::yuyv:
      test::fill(image.span(), {{luma, 128}});
      break;
    case PixelFormat::uyvy:
      test::fill(image.span(), {{128, luma}});
      break;
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
    case PixelFormat::gray8:
      test::fill(image.span(), {{luma}});
      break;
    default:
      test::fill(image.span(), {{luma}, {128}, {128}});
  }
  return image;
}

bool has_luma(const ImageView& picture, int luma, int tolerance) {
  switch (picture.pixel_format) {
    case PixelFormat::yuyv:
      return test::flat(picture, 0, luma, tolerance, 2, 0) && test::flat(picture, 0, 128, 1, 2, 1);
    case PixelFormat::uyvy:
      return test::flat(picture, 0, luma, tolerance, 2, 1) && test::flat(picture, 0, 128, 1, 2, 0);
    case PixelFormat::rgb24:
    case PixelFormat::bgr24:
    case PixelFormat::gray8:
      return test::flat(picture, 0, luma, tolerance);
    case PixelFormat::nv12:
      return test::flat(picture, 0, luma, tolerance) && test::flat(picture, 1, 128, 1);
    default:
      return test::flat(picture, 0, luma, tolerance) && test::flat(picture, 1, 128, 1) &&
             test::flat(picture, 2, 128, 1);
  }
}

bool is_full_only(PixelFormat pixels) { return full_range(pixels, colour(1)); }

}  // namespace

TEST_CASE("scaler: black stays black and white stays white between every pair of formats and ranges") {
  for (const PixelFormat from : test::kAllFormats) {
    for (const PixelFormat to : test::kAllFormats) {
      for (const std::uint8_t from_range : {std::uint8_t{1}, std::uint8_t{2}}) {
        for (const std::uint8_t to_range : {std::uint8_t{1}, std::uint8_t{2}}) {
          if ((is_full_only(from) && from_range == 1) || (is_full_only(to) && to_range == 1)) continue;
          for (const auto& [source_size, size] : {std::pair{Size{64, 48}, Size{64, 48}},
                                                  {{64, 48}, {33, 25}},
                                                  {{64, 48}, {101, 77}},
                                                  {{33, 25}, {33, 25}},
                                                  {{33, 24}, {33, 24}},
                                                  {{32, 25}, {32, 25}},
                                                  {{33, 25}, {64, 48}},
                                                  {{2000, 70}, {16, 16}}}) {
            for (const bool white : {false, true}) {
              const auto number = [&](std::uint8_t range) {
                return range == 2 ? (white ? 255 : 0) : (white ? 235 : 16);
              };
              const Image source = flat_luma(from, source_size, colour(from_range),
                                             static_cast<std::uint8_t>(number(from_range)));
              Image target;
              target.reshape(to, size, colour(to_range));
              Scaler scaler;
              INFO(to_string(from) << " " << int{from_range} << " to " << to_string(to) << " "
                                   << int{to_range} << " " << to_string(size)
                                   << (white ? " white" : " black"));
              REQUIRE(scaler.scale(source.view(), target.span()));
              CHECK(has_luma(target.view(), number(to_range), 1));
            }
          }
        }
      }
    }
  }
}

TEST_CASE("scaler: colours survive a change of matrix and of range") {
  struct Case {
    std::uint8_t r, g, b;
  };
  for (const Case c : {Case{200, 30, 40}, Case{20, 180, 60}, Case{40, 50, 210}, Case{128, 128, 128}}) {
    Image rgb, hd, jpeg, back;
    rgb.reshape(PixelFormat::rgb24, {64, 64}, {});
    test::fill(rgb.span(), {{c.r, c.g, c.b}});
    hd.reshape(PixelFormat::i420, {64, 64}, colour(1, 1));
    jpeg.reshape(PixelFormat::i420, {32, 32}, jpeg_colour());
    back.reshape(PixelFormat::rgb24, {32, 32}, {});
    Scaler one, two, three;
    REQUIRE(one.scale(rgb.view(), hd.span()));
    REQUIRE(two.scale(hd.view(), jpeg.span()));
    REQUIRE(three.scale(jpeg.view(), back.span()));
    INFO(int{c.r} << " " << int{c.g} << " " << int{c.b});
    CHECK(test::flat(back.view(), 0, c.r, 5, 3, 0));
    CHECK(test::flat(back.view(), 0, c.g, 5, 3, 1));
    CHECK(test::flat(back.view(), 0, c.b, 5, 3, 2));
  }
}

TEST_CASE("scaler: BGR24 is RGB24 with its bytes turned round") {
  Image rgb, bgr;
  rgb.reshape(PixelFormat::rgb24, {40, 30}, {});
  test::fill(rgb.span(), {{10, 20, 200}});
  bgr.reshape(PixelFormat::bgr24, {40, 30}, {});
  Scaler scaler;
  REQUIRE(scaler.scale(rgb.view(), bgr.span()));
  CHECK(test::flat(bgr.view(), 0, 200, 0, 3, 0));
  CHECK(test::flat(bgr.view(), 0, 20, 0, 3, 1));
  CHECK(test::flat(bgr.view(), 0, 10, 0, 3, 2));
}

TEST_CASE("scaler: the same picture is copied exactly") {
  for (const PixelFormat pixels : test::kAllFormats) {
    Image from, to;
    from.reshape(pixels, {77, 53}, colour(1));
    to.reshape(pixels, {77, 53}, colour(1));
    test::waves(from.span());
    Scaler scaler;
    REQUIRE(scaler.scale(from.view(), to.span()));
    CHECK(test::distance(from.view(), to.view()) == 0);
  }
}

TEST_CASE("scaler: nothing outside a tightly packed target is written and its pixels are right") {
  for (const PixelFormat from :
       {PixelFormat::i420, PixelFormat::i422, PixelFormat::yuyv, PixelFormat::nv12, PixelFormat::rgb24}) {
    for (const PixelFormat to : test::kAllFormats) {
      for (const Size size :
           {Size{64, 48}, Size{33, 17}, Size{50, 31}, Size{127, 95}, Size{130, 97}, Size{16, 16}}) {
        for (const Size source_size : {Size{130, 97}, Size{96, 64}}) {
          Image source, padded;
          source.reshape(from, source_size, colour(1));
          test::waves(source.span());
          padded.reshape(to, size, colour(2));
          const FrameFormat tight = [&] {
            FrameFormat format = raw_format(to, size);
            format.colour = colour(2);
            return format;
          }();
          constexpr std::size_t kGuard = 256;
          std::vector<std::uint8_t> bytes(tight.raw_bytes() + 2 * kGuard, 0xa5);
          const auto inside = std::span(bytes).subspan(kGuard, tight.raw_bytes());
          Scaler one, two;
          INFO(to_string(from) << " " << to_string(source_size) << " to " << to_string(to) << " "
                               << to_string(size));
          REQUIRE(one.scale(source.view(), span_of(tight, inside)));
          REQUIRE(two.scale(source.view(), padded.span()));
          CHECK(std::all_of(bytes.begin(), bytes.begin() + kGuard, [](auto b) { return b == 0xa5; }));
          CHECK(std::all_of(bytes.end() - kGuard, bytes.end(), [](auto b) { return b == 0xa5; }));
          CHECK(test::distance(view_of(tight, inside), padded.view()) <= 2);
        }
      }
    }
  }
}

TEST_CASE("scaler: nothing behind the source's last byte is read") {
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  for (const PixelFormat from : test::kAllFormats) {
    for (const Size source_size :
         {Size{64, 48}, Size{33, 17}, Size{127, 95}, Size{320, 240}, Size{641, 361}}) {
      const FrameFormat tight = raw_format(from, source_size);
      const std::size_t length = (tight.raw_bytes() + page - 1) / page * page;
      auto* memory = static_cast<std::uint8_t*>(
          ::mmap(nullptr, length + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0));
      REQUIRE(memory != MAP_FAILED);
      REQUIRE(::mprotect(memory + length, page, PROT_NONE) == 0);
      const std::span<std::uint8_t> payload(memory + length - tight.raw_bytes(), tight.raw_bytes());
      test::waves(span_of(tight, payload));
      for (const PixelFormat to : test::kAllFormats) {
        for (const Size size : {source_size, Size{source_size.width / 2, source_size.height / 2},
                                Size{source_size.width * 3 / 2, source_size.height * 2}, Size{50, 31}}) {
          Image target;
          target.reshape(to, size, colour(2));
          Scaler scaler;
          INFO(to_string(from) << " " << to_string(source_size) << " to " << to_string(to) << " "
                               << to_string(size));
          CHECK(scaler.scale(view_of(tight, payload), target.span()));
        }
      }
      ::munmap(memory, length + page);
    }
  }
}

TEST_CASE("scaler: a change of the source between calls is followed") {
  Scaler scaler;
  Image target;
  target.reshape(PixelFormat::i420, {40, 30}, colour(1));
  for (const Size size : {Size{80, 60}, Size{20, 16}, Size{80, 60}}) {
    const Image source = flat_luma(PixelFormat::nv12, size, colour(1), 99);
    REQUIRE(scaler.scale(source.view(), target.span()));
    CHECK(has_luma(target.view(), 99, 1));
  }
}

TEST_CASE("scaler: a change of range is right for every number") {
  const auto exact = [](double value) { return std::clamp(std::round(value), 0.0, 255.0); };
  for (const bool to_full : {true, false}) {
    Image from, to;
    from.reshape(PixelFormat::i444, {256, 3}, {static_cast<std::uint8_t>(to_full ? 1 : 2), 2, 2, 2});
    to.reshape(PixelFormat::i444, {256, 3}, {static_cast<std::uint8_t>(to_full ? 2 : 1), 2, 2, 2});
    std::vector<std::uint8_t> all(256);
    for (std::size_t i = 0; i < 256; ++i) all[i] = static_cast<std::uint8_t>(i);
    test::fill(from.span(), {all, all, all});
    Scaler scaler;
    REQUIRE(scaler.scale(from.view(), to.span()));
    for (int i = 0; i < 256; ++i) {
      CAPTURE(to_full, i);
      const double luma = to_full ? (i - 16) * 255 / 219.0 : i * 219 / 255.0 + 16;
      const double chroma = to_full ? (i - 128) * 255 / 224.0 + 128 : (i - 128) * 224 / 255.0 + 128;
      CHECK(std::abs(to.view().data[0][i] - exact(luma)) <= 1);
      CHECK(std::abs(to.view().data[1][i] - exact(chroma)) <= 1);
    }
    CHECK(to.view().data[0][to_full ? 16 : 0] == (to_full ? 0 : 16));
    CHECK(to.view().data[0][to_full ? 235 : 255] == (to_full ? 255 : 235));
    CHECK(to.view().data[1][128] == 128);
  }
}

TEST_CASE("scaler: halves are averages of four, in planes and in pairs") {
  for (const PixelFormat pixels : {PixelFormat::i420, PixelFormat::nv12, PixelFormat::gray8}) {
    Image from, to;
    from.reshape(pixels, {64, 32}, {});
    to.reshape(pixels, {32, 16}, {});
    test::waves(from.span());
    Scaler scaler;
    REQUIRE(scaler.scale(from.view(), to.span()));
    const std::size_t step = 1;
    for (std::uint32_t y = 0; y < 16; ++y) {
      for (std::uint32_t x = 0; x < 32; ++x) {
        const std::uint8_t* top =
            from.view().data[0] + std::ptrdiff_t{2 * y} * from.view().stride_bytes[0] + 2 * x * step;
        const std::uint8_t* below = top + from.view().stride_bytes[0];
        const int mean = (top[0] + top[1] + below[0] + below[1] + 2) / 4;
        CAPTURE(pixels, x, y);
        CHECK(std::abs(to.view().data[0][std::ptrdiff_t{y} * to.view().stride_bytes[0] + x] - mean) <= 1);
      }
    }
    if (pixels != PixelFormat::nv12) continue;
    const std::uint8_t* first = from.view().data[1];
    const std::uint8_t* second = first + from.view().stride_bytes[1];
    CHECK(std::abs(to.view().data[1][0] - (first[0] + first[2] + second[0] + second[2] + 2) / 4) <= 1);
    CHECK(std::abs(to.view().data[1][1] - (first[1] + first[3] + second[1] + second[3] + 2) / 4) <= 1);
  }
}
