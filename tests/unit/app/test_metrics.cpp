#include "app/metrics.h"
#include "catch.h"

using camring::app::Metrics;

TEST_CASE("metrics render as Prometheus text with escaped labels") {
  Metrics metrics("camcap");
  metrics.counter("frames_total", "Frames.", {{"ring", "cam\"0\\"}}).add(3);
  metrics.gauge("source_up", "Up.").set(1);
  const std::string text = metrics.render();
  CHECK(text.find("# TYPE camring_frames_total counter\n") != std::string::npos);
  CHECK(text.find("camring_frames_total{tool=\"camcap\",ring=\"cam\\\"0\\\\\"} 3\n") != std::string::npos);
  CHECK(text.find("camring_source_up{tool=\"camcap\"} 1\n") != std::string::npos);
  CHECK(text.find("camring_build_info{tool=\"camcap\",version=\"") != std::string::npos);
}

TEST_CASE("the same name and labels give the same counter") {
  Metrics metrics("t");
  auto& one = metrics.counter("a_total", "A.", {{"ring", "x"}});
  auto& two = metrics.counter("a_total", "A.", {{"ring", "y"}});
  CHECK(&one == &metrics.counter("a_total", "A.", {{"ring", "x"}}));
  CHECK(&one != &two);
}

TEST_CASE("a histogram's buckets are cumulative and end with +Inf") {
  Metrics metrics("t");
  auto& histogram = metrics.histogram("frame_age_seconds", "Age.");
  for (const double seconds : {0.00005, 20.0, -1.0}) histogram.observe(seconds);
  histogram.observe(0.003, 2);
  const std::string text = metrics.render();
  CHECK(text.find("_bucket{tool=\"t\",le=\"0.0001\"} 2\n") != std::string::npos);
  CHECK(text.find("_bucket{tool=\"t\",le=\"0.005\"} 4\n") != std::string::npos);
  CHECK(text.find("_bucket{tool=\"t\",le=\"10\"} 4\n") != std::string::npos);
  CHECK(text.find("_bucket{tool=\"t\",le=\"+Inf\"} 5\n") != std::string::npos);
  CHECK(text.find("_count{tool=\"t\"} 5\n") != std::string::npos);
  CHECK(histogram.quantile_bound(0.5) == 0.005);
}
