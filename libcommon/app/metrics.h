// Counters, gauges and histograms, rendered in the Prometheus text format (version 0.0.4).
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <initializer_list>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace camring::app {

using Labels = std::vector<std::pair<std::string, std::string>>;

/// Goes up. Any thread.
class Counter {
 public:
  void add(std::uint64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Goes up and down. Any thread.
class Gauge {
 public:
  void set(double value) noexcept { value_.store(value, std::memory_order_relaxed); }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Counts observations in fixed buckets of seconds, 100 µs to 10 s. Any thread.
class Histogram {
 public:
  static constexpr std::array<double, 16> kBounds{0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025,
                                                  0.05,   0.1,     0.25,   0.5,   1,      2.5,   5,    10};
  /// @param times  how often this was seen
  void observe(double seconds, std::uint64_t times = 1) noexcept;
  /// The bound under which `share` (0 to 1) of the observations lie; 0 without any.
  [[nodiscard]] double quantile_bound(double share) const noexcept;
  [[nodiscard]] std::uint64_t count() const noexcept;

 private:
  friend class Metrics;
  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> sum_ns_{0};
};

/// The metrics of one process. Creating takes a lock; the returned objects live as long as this and take
/// none. Asking again for the same name and labels gives the same object. Names without the prefix
/// "camring_"; the label `tool` is added to each.
class Metrics {
 public:
  explicit Metrics(std::string tool);
  Counter& counter(const std::string& name, const std::string& help, const Labels& labels = {});
  Gauge& gauge(const std::string& name, const std::string& help, const Labels& labels = {});
  Histogram& histogram(const std::string& name, const std::string& help, const Labels& labels = {});
  [[nodiscard]] std::string render() const;

 private:
  struct Family;
  template <class T>
  struct Series {
    std::string labels;
    T value;
  };
  struct Family {
    std::string name, help, type;
    std::deque<Series<Counter>> counters;
    std::deque<Series<Gauge>> gauges;
    std::deque<Series<Histogram>> histograms;
  };
  Family& family(const std::string& name, const std::string& help, const std::string& type);
  [[nodiscard]] std::string label_text(const Labels& labels) const;

  std::string tool_;
  mutable std::mutex mutex_;
  std::deque<Family> families_;
};

}  // namespace camring::app
