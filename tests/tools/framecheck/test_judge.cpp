#include <algorithm>

#include "catch.h"
#include "judge.h"
#include "report.h"

using namespace camring;
using namespace camring::framecheck;

namespace {

Reading good() {
  Reading reading;
  reading.pictures = 5;
  reading.size = {640, 480};
  reading.p5 = 20;
  reading.p95 = 200;
  reading.values[Metric::sharpness] = 61;
  reading.values[Metric::brightness] = 120;
  reading.values[Metric::contrast] = 50;
  reading.values[Metric::range] = 180;
  reading.values[Metric::noise] = 2;
  return reading;
}

}  // namespace

TEST_CASE("judge: a good picture has no reasons", "[framecheck]") {
  Reading reading = good();
  CHECK(judge(reading, default_limits(), nullptr, 3).state == State::ok);
}

TEST_CASE("judge: what is unusual at this hour is named with what is usual", "[framecheck]") {
  Baseline baseline;
  Values values;
  for (int i = 0; i < 20; ++i) {
    values[Metric::sharpness] = 61 + (i % 2 != 0 ? 8 : -8);
    baseline.learn(3, values);
  }
  Reading reading = good();
  reading.values[Metric::sharpness] = 18;
  const Verdict verdict = judge(reading, default_limits(), &baseline, 3);
  CHECK(verdict.state == State::warning);
  REQUIRE(verdict.reasons.size() == 1);
  CHECK(verdict.reasons[0].text == "sharpness 18, usually 61±8 at this hour: lens dirty or out of focus?");
  CHECK(judge(reading, default_limits(), &baseline, 4).state == State::ok);  // nothing is known of that hour
  reading.values[Metric::sharpness] = 200;                                   // nobody minds a sharp picture
  CHECK(judge(reading, default_limits(), &baseline, 3).state == State::ok);
}

TEST_CASE("judge: a frozen picture needs frames and time, a still one is none", "[framecheck]") {
  Reading reading = good();
  reading.equal_frames = 30;
  reading.equal_for = std::chrono::milliseconds(499);
  CHECK(judge(reading, default_limits(), nullptr, 0).state == State::ok);
  reading.equal_for = std::chrono::milliseconds(500);
  CHECK(judge(reading, default_limits(), nullptr, 0).reasons.at(0).check == "frozen");
  CHECK(reading.values[Metric::score] == 0.0);
  reading.values[Metric::score] = 0.9;
  reading.equal_frames = 2;
  CHECK(judge(reading, default_limits(), nullptr, 0).state == State::ok);
  reading.equal_frames = 30;
  Limits limits = default_limits();
  limits.freeze_time = std::chrono::nanoseconds(0);
  CHECK(judge(reading, limits, nullptr, 0).state == State::ok);
}

TEST_CASE("judge: wrong size, wrong rate, stale and placeholder are named", "[framecheck]") {
  const auto first = [](Reading reading, const Limits& limits) {
    const Verdict verdict = judge(reading, limits, nullptr, 0);
    return std::string(to_string(verdict.state)) + " " +
           (verdict.reasons.empty() ? "" : verdict.reasons[0].check);
  };
  Limits limits = default_limits();
  limits.size = Size{640, 480};
  limits.rate = Rate{30, 1};
  Reading reading = good();
  reading.values[Metric::fps] = 29;
  CHECK(first(reading, limits) == "OK ");
  reading.values[Metric::fps] = 25;
  CHECK(first(reading, limits) == "WARNING rate");
  reading.values[Metric::fps] = 10;
  CHECK(first(reading, limits) == "CRITICAL rate");
  reading = good();
  reading.size = {320, 240};
  CHECK(first(reading, limits) == "CRITICAL size");
  reading = good();
  reading.values[Metric::age] = 2.5;
  CHECK(first(reading, limits) == "CRITICAL stale");
  reading = good();
  reading.placeholder = true;
  CHECK(first(reading, limits) == "CRITICAL placeholder");
}

TEST_CASE("meter: a picture that was overwritten meanwhile leaves nothing behind", "[framecheck]") {
  const auto plain = [](std::uint8_t value) {
    av::Image image;
    image.reshape(PixelFormat::gray8, {64, 48}, {});
    for (std::uint32_t y = 0; y < 48; ++y)
      std::fill_n(image.span().data[0] + std::ptrdiff_t{y} * image.span().stride_bytes[0], 64, value);
    return image;
  };
  const av::Image good = plain(100), torn = plain(0);
  Meter meter({}, 1);
  meter.add(torn.view(), {});
  meter.take_back();
  CHECK(meter.reading().pictures == 0);
  CHECK_FALSE(meter.reading().values[Metric::brightness]);
  meter.add(good.view(), {});
  CHECK(meter.reading().pictures == 1);
  CHECK(meter.reading().values[Metric::brightness] == 100.0);
  CHECK_FALSE(meter.reading().values[Metric::motion]);  // the torn one is not compared with
}

TEST_CASE("report: a file's name can't break the status line", "[framecheck]") {
  const Reading reading = good();
  const Verdict verdict;
  const Limits limits = default_limits();
  const std::string line = plugin_line({"a|b\nc", reading, verdict, limits});
  CHECK(line.find("a b c:") != std::string::npos);
  CHECK(std::count(line.begin(), line.end(), '|') == 1);
  CHECK(std::count(line.begin(), line.end(), '\n') == 1);
}
