#include <cmath>
#include <random>
#include <vector>

#include "catch.h"
#include "frame/test_pattern.h"
#include "sync/content_correlator.h"
#include "sync/picture.h"

using namespace camring;
using namespace camring::sync;
using Why = ContentAnswer::Why;

namespace {

constexpr double kMs = 1e6;

// A scene whose brightness wanders: a sum of steps and slow changes, the same at the same second.
class Scene {
 public:
  explicit Scene(unsigned seed) {
    std::mt19937 random(seed);
    std::normal_distribution<double> step(0, 6);
    double value = 120;
    for (int i = 0; i < 400; ++i) levels_.push_back(value += step(random) - (value - 120) * 0.1);
  }
  [[nodiscard]] double at(double seconds) const {
    const double place = seconds * 8;  // eight events a second
    const auto index = static_cast<std::size_t>(place);
    const double share = place - std::floor(place);
    return levels_.at(index) + (levels_.at(index + 1) - levels_.at(index)) * share;
  }

 private:
  std::vector<double> levels_;
};

// Films `scene` for `seconds` at `fps`; what is seen is `late_ms` old.
void film(ContentCorrelator& into, Side side, const Scene& scene, double seconds, double fps, double late_ms,
          double noise, unsigned seed) {
  std::mt19937 random(seed);
  std::normal_distribution<double> error(0, noise);
  const double phase = side == Side::a ? 0 : 0.4 / fps;
  for (double t = 5 + phase; t < 5 + seconds; t += 1 / fps)
    into.add(side, static_cast<std::int64_t>(t * 1e9), scene.at(t - late_ms / 1e3) + error(random));
}

}  // namespace

TEST_CASE("correlator: a known shift is found under noise, both ways, at different rates", "[sync]") {
  const Scene scene(1);
  for (const double late : {0.0, 83.0, -412.0, 1500.0}) {
    for (const double fps : {30.0, 12.0}) {
      CAPTURE(late, fps);
      ContentCorrelator correlator;
      film(correlator, Side::a, scene, 10, 30, 0, 0.3, 2);
      film(correlator, Side::b, scene, 10, fps, late, 0.3, 3);
      const ContentAnswer answer = correlator.find();
      CAPTURE(answer.likeness, answer.confidence);
      REQUIRE(answer.why == Why::found);
      CHECK(std::abs(static_cast<double>(answer.offset_ns) - late * kMs) < 12 * kMs);
      CHECK(answer.confidence > 0.3);
    }
  }
}

TEST_CASE("correlator: it refuses what it can't know", "[sync]") {
  const Scene scene(1), elsewhere(9);
  ContentCorrelator correlator;
  CHECK(correlator.find().why == Why::too_short);
  film(correlator, Side::a, scene, 1, 30, 0, 0, 2);
  film(correlator, Side::b, scene, 1, 30, 0, 0, 2);
  CHECK(correlator.find().why == Why::too_short);

  ContentCorrelator other_scene;
  film(other_scene, Side::a, scene, 10, 30, 0, 0.3, 2);
  film(other_scene, Side::b, elsewhere, 10, 30, 0, 0.3, 3);
  CHECK(other_scene.find().why == Why::unlike);
  CHECK(other_scene.find().offset_ns == 0);

  ContentCorrelator still, blinking;
  for (int i = 0; i < 300; ++i) {
    const std::int64_t at = 1'000'000'000 + i * 33'000'000LL;
    still.add(Side::a, at, 100);
    still.add(Side::b, at, 100);
    const double light = i / 6 % 2 != 0 ? 140 : 100;
    blinking.add(Side::a, at, light);
    blinking.add(Side::b, at + 5'000'000, light);
  }
  CHECK(still.find().why == Why::still);
  CHECK(blinking.find().why == Why::ambiguous);
  for (const Why why : {Why::too_short, Why::still, Why::unlike, Why::ambiguous})
    CHECK(*to_string(why) != '\0');
}

TEST_CASE("correlator: noise alone is not taken for likeness", "[sync]") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    std::normal_distribution<double> noise(0, 5);
    ContentCorrelator correlator;
    for (int i = 0; i < 300; ++i) {
      correlator.add(Side::a, 1 + i * 33'000'000LL, 100 + noise(random));
      correlator.add(Side::b, 1 + i * 33'000'000LL, 100 + noise(random));
    }
    CHECK(correlator.find().why == Why::unlike);
  }
}

TEST_CASE("correlator: scenes that only look alike by chance are refused, however short the look", "[sync]") {
  int found = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    for (const double seconds : {2.2, 3.0, 5.0, 10.0}) {
      ContentCorrelator correlator;
      film(correlator, Side::a, Scene(seed), seconds, 30, 0, 0.2, seed);
      film(correlator, Side::b, Scene(seed + 1000), seconds, 25, 0, 0.2, seed + 1);
      found += correlator.find().why == Why::found ? 1 : 0;
    }
  }
  CHECK(found == 0);
}

TEST_CASE("correlator: what it finds is right, however short the look", "[sync]") {
  int found = 0;
  for (unsigned seed = 1; seed <= 60; ++seed) {
    for (const double seconds : {2.5, 4.0, 8.0}) {
      CAPTURE(seed, seconds);
      ContentCorrelator correlator;
      film(correlator, Side::a, Scene(seed), seconds, 30, 0, 0.3, seed);
      film(correlator, Side::b, Scene(seed), seconds, 25, 250, 0.3, seed + 1);
      const ContentAnswer answer = correlator.find();
      if (answer.why != Why::found) continue;
      ++found;
      CHECK(std::abs(static_cast<double>(answer.offset_ns) - 250 * kMs) < 25 * kMs);
    }
  }
  CHECK(found > 120);
}

TEST_CASE("correlator: time that goes back begins the series anew", "[sync]") {
  ContentCorrelator correlator;
  const Scene scene(1);
  film(correlator, Side::a, scene, 10, 30, 0, 0, 2);
  film(correlator, Side::b, scene, 10, 30, 0, 0, 2);
  REQUIRE(correlator.find().why == Why::found);
  correlator.add(Side::a, 1, 100);
  CHECK(correlator.find().why == Why::too_short);
}

TEST_CASE("picture: code and brightness are read in all raw formats, and too short a payload is none",
          "[sync]") {
  for (const PixelFormat pixels :
       {PixelFormat::i420, PixelFormat::i422, PixelFormat::i444, PixelFormat::nv12, PixelFormat::yuyv,
        PixelFormat::uyvy, PixelFormat::rgb24, PixelFormat::bgr24, PixelFormat::gray8}) {
    const FrameFormat format = raw_format(pixels, {320, 240}, {30, 1}, 64);
    CAPTURE(to_string(pixels));
    std::vector<std::uint8_t> bytes(format.raw_bytes());
    const PatternCode code{7, 123'456'789};
    TestPattern(format).draw(bytes, code);
    const LumaPlane plane = luma_plane(format, bytes);
    CHECK(code_in(plane) == code);
    REQUIRE(mean_luma(plane));
    CHECK((*mean_luma(plane) > 10 && *mean_luma(plane) < 245));
    const LumaPlane cut = luma_plane(format, std::span(bytes).first(format.planes[0].stride_bytes * 100));
    CHECK_FALSE(mean_luma(cut));
    CHECK_FALSE(code_in(cut));
  }
  CHECK_FALSE(mean_luma(luma_plane(coded_format(Codec::h264, {320, 240}), {})));
}
