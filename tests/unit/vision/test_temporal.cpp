#include "catch.h"
#include "pictures.h"
#include "vision/temporal.h"

using namespace camring;
using namespace camring::vision;
using namespace camring::vision::test;

TEST_CASE("temporal: the first picture and one of another size have nothing to be compared with",
          "[vision]") {
  TemporalMeter meter;
  CHECK_FALSE(meter.measure(Luma({64, 48}, 1).view()).comparable);
  CHECK(meter.measure(Luma({64, 48}, 1).view()).comparable);
  CHECK_FALSE(meter.measure(Luma({48, 64}, 1).view()).comparable);
  meter.forget();
  CHECK_FALSE(meter.measure(Luma({48, 64}, 1).view()).comparable);
}

TEST_CASE("temporal: a frozen picture changes nowhere, a still scene has its noise", "[vision]") {
  TemporalMeter meter;
  const Luma first = noisy_scene({640, 480}, 3, 1);
  (void)meter.measure(first.view());
  const TemporalStats frozen = meter.measure(first.view());
  CHECK(frozen.changed == 0);
  CHECK(frozen.noise == 0);
  const TemporalStats still = meter.measure(noisy_scene({640, 480}, 3, 2).view());
  CHECK(still.changed > 0.8);
  CHECK(still.noise == Approx(3).epsilon(0.15));
  CHECK(still.motion == 0);
}

TEST_CASE("temporal: one changed pixel is no frozen picture", "[vision]") {
  TemporalMeter meter;
  Luma plane({70, 50}, 100);
  (void)meter.measure(plane.view());
  plane.at(69, 49) = 101;
  CHECK(meter.measure(plane.view()).changed == Approx(1.0 / 3500));
}

TEST_CASE("temporal: a moving thing is motion, a lamp that goes on is no noise", "[vision]") {
  TemporalMeter meter;
  (void)meter.measure(noisy_scene({640, 480}, 2, 1).view());
  Luma moved = noisy_scene({640, 480}, 2, 2);
  for (std::uint32_t y = 40; y < 120; ++y) {
    for (std::uint32_t x = 40; x < 200; ++x)
      moved.at(x, y) = static_cast<std::uint8_t>((x * 7 + y * 3) % 256);
  }
  const TemporalStats stats = meter.measure(moved.view());
  CHECK(stats.motion > 0.03);
  CHECK(stats.noise == Approx(2).epsilon(0.15));
  Luma brighter = moved;
  for (auto& byte : brighter.bytes) byte = static_cast<std::uint8_t>(std::min(255, byte + 12));
  CHECK(meter.measure(brighter.view()).noise < 1);
}
