// What the health metrics of a 1080p picture cost: our one pass beside OpenCV's own functions for the same
// metrics, on one core, and whether both give the same values. README.md has the table.
#include <array>
#include <cstdio>
#include <ctime>
#include <functional>
#include <opencv2/core.hpp>
#include <opencv2/imgproc.hpp>
#include <random>
#include <string>
#include <vector>

#include "support/report.h"
#include "vision/luma_pass.h"
#include "vision/spatial.h"
#include "vision/temporal.h"

namespace {

using namespace camring;
using namespace camring::vision;

constexpr int kRepeats = 7;
constexpr int kFrames = 40;

double thread_cpu_ms() {
  timespec now{};
  ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) * 1e3 + static_cast<double>(now.tv_nsec) * 1e-6;
}

// A smooth scene with edges and a camera's noise.
cv::Mat scene(Size size, unsigned seed) {
  cv::Mat picture(static_cast<int>(size.height), static_cast<int>(size.width), CV_8U);
  std::mt19937 random(seed);
  std::normal_distribution<double> noise(0, 3);
  for (int y = 0; y < picture.rows; ++y) {
    for (int x = 0; x < picture.cols; ++x) {
      const double value = 120 + 60 * std::sin(x * 0.01) * std::cos(y * 0.02) + ((x / 90 + y / 70) % 2) * 40;
      picture.at<std::uint8_t>(y, x) = cv::saturate_cast<std::uint8_t>(value + noise(random));
    }
  }
  return picture;
}

LumaView view_of(const cv::Mat& picture) {
  return {picture.data,
          static_cast<std::ptrdiff_t>(picture.step[0]),
          {static_cast<std::uint32_t>(picture.cols), static_cast<std::uint32_t>(picture.rows)},
          true};
}

double variance(const cv::Mat& values) {
  cv::Scalar mean, deviation;
  cv::meanStdDev(values, mean, deviation);
  return deviation[0] * deviation[0];
}

double laplacian(const cv::Mat& picture, int depth) {
  cv::Mat answer;
  cv::Laplacian(picture, answer, depth);
  return variance(answer);
}

double immerkaer(const cv::Mat& picture) {
  static const cv::Mat mask = (cv::Mat_<float>(3, 3) << 1, -2, 1, -2, 4, -2, 1, -2, 1);
  cv::Mat answer;
  cv::filter2D(picture, answer, CV_16S, mask);
  const cv::Mat inside = answer(cv::Rect(1, 1, picture.cols - 2, picture.rows - 2));
  return std::sqrt(CV_PI / 2) / 6 * cv::norm(inside, cv::NORM_L1) / static_cast<double>(inside.total());
}

void mean_and_deviation(const cv::Mat& picture) {
  cv::Scalar mean, deviation;
  cv::meanStdDev(picture, mean, deviation);
}

void histogram(const cv::Mat& picture) {
  cv::Mat out;
  const int bins = 256;
  const std::array<float, 2> range{0, 256};
  const float* ranges = range.data();
  cv::calcHist(&picture, 1, nullptr, cv::Mat(), out, 1, &bins, &ranges);
}

// As little as can be done with every sample: vectors of bytes are added up.
void read_once(const cv::Mat& picture) {
  static const std::vector<std::uint8_t> zeros(4096);
  static volatile std::uint64_t sum;
  const LumaView luma = view_of(picture);
  std::uint64_t total = 0;
  for (std::uint32_t y = 0; y < luma.size.height; ++y)
    total += pass::functions().rows_differ(luma.row(y), zeros.data(), luma.size.width);
  sum = total;
}

struct Side {
  const char* name;
  std::function<void()> run;
  std::vector<double> ms{};
};

void measure(Size size) {
  const cv::Mat picture = scene(size, 1), next = scene(size, 2);
  SpatialMeter meter;
  TemporalMeter temporal;
  cv::Mat copy, difference;
  std::vector<Side> sides{
      {"the floor: every sample read once", [&] { read_once(picture); }},
      {"copy", [&] { picture.copyTo(copy); }},
      {"camring: all spatial metrics", [&] { (void)meter.measure(view_of(picture)); }},
      {"camring: temporal metrics", [&] { (void)temporal.measure(view_of(next)); }},
      {"OpenCV: all of those below",
       [&] {
         (void)laplacian(picture, CV_16S);
         (void)immerkaer(picture);
         mean_and_deviation(picture);
         histogram(picture);
       }},
      {"OpenCV: variance of Laplacian, CV_64F", [&] { (void)laplacian(picture, CV_64F); }},
      {"OpenCV: variance of Laplacian, CV_16S", [&] { (void)laplacian(picture, CV_16S); }},
      {"OpenCV: Immerkaer by filter2D", [&] { (void)immerkaer(picture); }},
      {"OpenCV: meanStdDev", [&] { mean_and_deviation(picture); }},
      {"OpenCV: calcHist", [&] { histogram(picture); }},
      {"OpenCV: absdiff and meanStdDev",
       [&] {
         cv::absdiff(picture, next, difference);
         mean_and_deviation(difference);
       }},
  };
  for (int repeat = 0; repeat < kRepeats; ++repeat) {
    for (Side& side : sides) {
      side.run();
      const double start = thread_cpu_ms();
      for (int i = 0; i < kFrames; ++i) side.run();
      side.ms.push_back((thread_cpu_ms() - start) / kFrames);
    }
  }
  const double own = bench::median(sides[2].ms);
  for (const Side& side : sides) {
    const double ms = bench::median(side.ms);
    bench::Table::row({to_string(size), side.name, bench::digits(ms), bench::ratio(ms, own)});
  }
  const SpatialStats ours = meter.measure(view_of(picture));
  cv::Scalar mean, deviation;
  cv::meanStdDev(picture, mean, deviation);
  std::printf(
      "\nsharpness %.9g against %.9g, noise by Immerkaer %.9g against %.9g, deviation %.9g against %.9g\n\n",
      ours.sharpness, laplacian(picture, CV_64F), ours.immerkaer, immerkaer(picture), ours.contrast,
      deviation[0]);
}

}  // namespace

int main() {
  cv::setNumThreads(1);
  std::printf("One core; CPU ms a picture, medians. %s. OpenCV %s\n\n", bench::machine().c_str(), CV_VERSION);
  const bench::Table table({"size", "by", "CPU ms", "/ camring spatial"});
  for (const Size size : {Size{1920, 1080}, Size{1280, 720}}) measure(size);
  return 0;
}
