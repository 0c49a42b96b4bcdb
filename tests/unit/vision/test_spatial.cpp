// The fast pass against the definitions, computed pixel by pixel.
#include <numbers>

#include "catch.h"
#include "pictures.h"
#include "vision/luma_pass.h"
#include "vision/spatial.h"

namespace {

using namespace camring;
using namespace camring::vision;
using namespace camring::vision::test;

// OpenCV's BORDER_REFLECT_101.
std::uint32_t reflect(std::int64_t i, std::uint32_t n) {
  if (n == 1) return 0;
  if (i < 0) return static_cast<std::uint32_t>(-i);
  return static_cast<std::uint32_t>(i < n ? i : 2 * std::int64_t{n} - 2 - i);
}

struct Naive {
  double sharpness = 0, mean = 0, deviation = 0, dark = 0, bright = 0, immerkaer = 0;
};

Naive naive(const Luma& plane) {
  const auto [w, h] = plane.size;
  const double total = double(w) * h;
  double sum = 0, squares = 0, lap = 0, lap2 = 0, noise = 0, dark = 0, bright = 0;
  const auto at = [&](std::int64_t x, std::int64_t y) { return plane.get(reflect(x, w), reflect(y, h)); };
  for (std::int64_t y = 0; y < h; ++y) {
    for (std::int64_t x = 0; x < w; ++x) {
      const double p = at(x, y);
      const double l = at(x - 1, y) + at(x + 1, y) + at(x, y - 1) + at(x, y + 1) - 4 * p;
      sum += p, squares += p * p, lap += l, lap2 += l * l;
      dark += p == 0, bright += p == 255;
      if (x == 0 || y == 0 || x + 1 == w || y + 1 == h) continue;
      noise += std::abs(at(x - 1, y - 1) + at(x + 1, y - 1) + at(x - 1, y + 1) + at(x + 1, y + 1) -
                        2 * (at(x, y - 1) + at(x, y + 1) + at(x - 1, y) + at(x + 1, y)) + 4 * p);
    }
  }
  Naive out;
  out.mean = sum / total;
  out.deviation = std::sqrt(squares / total - out.mean * out.mean);
  out.sharpness = lap2 / total - (lap / total) * (lap / total);
  out.dark = dark / total, out.bright = bright / total;
  if (w > 2 && h > 2) out.immerkaer = std::sqrt(std::numbers::pi / 2) * noise / (6.0 * (w - 2) * (h - 2));
  return out;
}

}  // namespace

TEST_CASE("spatial: every size gives what the definitions give", "[vision]") {
  SpatialMeter meter;
  const Size sizes[] = {{1, 1},  {2, 1},   {1, 5},   {2, 2},   {3, 3},    {17, 4},   {18, 18},  {19, 7},
                        {33, 2}, {34, 35}, {50, 66}, {64, 64}, {127, 65}, {641, 67}, {1100, 40}};
  for (const Size size : sizes) {
    CAPTURE(size.width, size.height);
    const Luma plane = random_plane(size, size.width * 31 + size.height);
    const Naive wanted = naive(plane);
    const SpatialStats got = meter.measure(plane.view());
    CHECK(got.sharpness == Approx(wanted.sharpness).epsilon(1e-9).margin(1e-9));
    CHECK(got.brightness == Approx(wanted.mean).epsilon(1e-12));
    CHECK(got.contrast == Approx(wanted.deviation).epsilon(1e-9).margin(1e-6));
    CHECK(got.dark == Approx(wanted.dark).margin(1e-12));
    CHECK(got.bright == Approx(wanted.bright).margin(1e-12));
    CHECK(got.immerkaer == Approx(wanted.immerkaer).epsilon(1e-9).margin(1e-9));
  }
}

TEST_CASE("spatial: the strongest contrast overflows no sum", "[vision]") {
  Luma plane({1400, 70});
  for (std::uint32_t y = 0; y < 70; ++y) {
    for (std::uint32_t x = 0; x < 1400; ++x) plane.at(x, y) = (x + y) % 2 != 0 ? 255 : 0;
  }
  const Naive wanted = naive(plane);
  const SpatialStats got = SpatialMeter().measure(plane.view());
  CHECK(got.sharpness == Approx(wanted.sharpness));
  CHECK(got.immerkaer == Approx(wanted.immerkaer));
  CHECK(got.dark == Approx(0.5));
}

TEST_CASE("spatial: portable and AVX2 loops add up to the same", "[vision]") {
  for (const std::uint32_t width : {1u, 3u, 9u, 10u, 17u, 18u, 33u, 34u, 50u, 333u, 1100u}) {
    CAPTURE(width);
    const Luma plane = random_plane({width, pass::kBandRows + 2}, width);
    const LumaView view = plane.view();
    struct Side {
      const pass::Functions& run;
      pass::Sums sums{};
      std::vector<pass::BlockSums> blocks;
      std::vector<std::uint16_t> steps;
      pass::Difference difference{};
    };
    Side sides[] = {{pass::portable_functions(), {}, {}, {}, {}}, {pass::functions(), {}, {}, {}, {}}};
    for (Side& side : sides) {
      side.blocks.resize(pass::blocks_across(width));
      side.steps.resize(width);
      const pass::Band band{view.row(0),
                            view.row(1),
                            view.row(pass::kBandRows + 1),
                            view.stride_bytes,
                            pass::kBandRows,
                            width,
                            10,
                            240,
                            side.blocks.data()};
      side.run.band(band, side.sums);
      side.run.steps(view.row(2), side.steps.data(), width - 1);
      side.run.differ(view.row(1), view.row(2), width, side.difference);
    }
    const auto& [one, other] = sides;
    CHECK(one.sums.sum == other.sums.sum);
    CHECK(one.sums.squares == other.sums.squares);
    CHECK(one.sums.laplace_squares == other.sums.laplace_squares);
    CHECK(one.sums.dark == other.sums.dark);
    CHECK(one.sums.bright == other.sums.bright);
    for (std::size_t i = 0; i < one.blocks.size(); ++i) {
      CAPTURE(i);
      CHECK(one.blocks[i].noise == other.blocks[i].noise);
      CHECK(one.blocks[i].sum == other.blocks[i].sum);
    }
    CHECK(one.steps == other.steps);
    CHECK(one.difference.sum == other.difference.sum);
    CHECK(one.difference.squares == other.difference.squares);
    CHECK(one.difference.changed == other.difference.changed);
    CHECK(one.run.rows_differ(view.row(1), view.row(2), width) ==
          other.run.rows_differ(view.row(1), view.row(2), width));
  }
}

TEST_CASE("spatial: limited range is measured on the scale of full range", "[vision]") {
  Luma plane({64, 64}, 16);
  SpatialMeter meter;
  CHECK(meter.measure(plane.view(false)).brightness == 0);
  CHECK(meter.measure(plane.view(false)).dark == 1);
  CHECK(meter.measure(plane.view(true)).dark == 0);
  std::fill(plane.bytes.begin(), plane.bytes.end(), std::uint8_t{235});
  CHECK(meter.measure(plane.view(false)).brightness == Approx(255));
  CHECK(meter.measure(plane.view(false)).bright == 1);
}

TEST_CASE("spatial: percentiles are those of the sorted samples", "[vision]") {
  Luma plane({100, 100});
  for (std::uint32_t y = 0; y < 100; ++y) {
    for (std::uint32_t x = 0; x < 100; ++x) plane.at(x, y) = static_cast<std::uint8_t>(x);
  }
  const SpatialStats stats = SpatialMeter().measure(plane.view());
  CHECK(stats.p5 == 4);
  CHECK(stats.p50 == 49);
  CHECK(stats.p95 == 94);
  CHECK(stats.range() == 90);
}

TEST_CASE("spatial: noise of a known sigma is found within 15 percent", "[vision]") {
  SpatialMeter meter;
  for (const double sigma : {1.0, 2.0, 5.0, 10.0, 20.0}) {
    CAPTURE(sigma);
    const SpatialStats stats = meter.measure(noisy_scene({640, 480}, sigma, 3).view());
    CHECK(stats.noise == Approx(std::sqrt(sigma * sigma + 1.0 / 12)).epsilon(0.15));
  }
  CHECK(meter.measure(noisy_scene({640, 480}, 0, 3).view()).noise < 0.5);
}

TEST_CASE("spatial: blocks of eight are seen wherever their grid lies", "[vision]") {
  SpatialMeter meter;
  const Luma smooth = noisy_scene({320, 240}, 2, 9);
  const double none = meter.measure(smooth.view()).blockiness;
  CHECK(none < 1.3);
  for (const std::uint32_t shift : {0u, 3u}) {
    Luma blocky = smooth;
    for (std::uint32_t y = 0; y < 240; ++y) {
      for (std::uint32_t x = 0; x < 320; ++x) {
        const auto offset = static_cast<int>(((x + shift) / 8 * 7 + (y + shift) / 8 * 5) % 13);
        blocky.at(x, y) = static_cast<std::uint8_t>(smooth.get(x, y) + offset);
      }
    }
    CHECK(meter.measure(blocky.view()).blockiness > 1.5 * none);
  }
}

TEST_CASE("spatial: stripes and a few edges on the grid are no blocks", "[vision]") {
  const Luma smooth = noisy_scene({320, 240}, 2, 9);
  Luma fence = smooth, drawing = smooth;
  for (std::uint32_t y = 0; y < 240; ++y) {
    for (std::uint32_t x = 0; x < 320; ++x) {
      fence.at(x, y) = static_cast<std::uint8_t>(smooth.get(x, y) + (x / 8 % 2) * 30);
      if (x / 64 % 2 != y / 64 % 2) drawing.at(x, y) = static_cast<std::uint8_t>(smooth.get(x, y) / 4);
    }
  }
  CHECK(SpatialMeter().measure(fence.view()).blockiness < 1.3);
  CHECK(SpatialMeter().measure(drawing.view()).blockiness < 1.3);
}

TEST_CASE("spatial: one value everywhere has no contrast, no noise and no blocks", "[vision]") {
  const SpatialStats stats = SpatialMeter().measure(Luma({320, 240}, 90).view());
  CHECK(stats.contrast == 0);
  CHECK(stats.sharpness == 0);
  CHECK(stats.noise == 0);
  CHECK(stats.blockiness == Approx(1));
  CHECK(stats.p5 == 90);
  CHECK(SpatialMeter().measure(LumaView{}).brightness == 0);
}
