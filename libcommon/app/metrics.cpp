#include "app/metrics.h"

#include <array>
#include <cmath>
#include <cstdio>

namespace camring::app {
namespace {

std::string number(double value) {
  if (std::isnan(value)) return "NaN";
  std::array<char, 40> text{};
  std::snprintf(text.data(), text.size(),
                value == std::floor(value) && std::abs(value) < 1e15 ? "%.0f" : "%.9g", value);
  return text.data();
}

std::string escape(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n') {
      out += "\\n";
    } else {
      out += c;
    }
  }
  return out;
}

template <class Deque>
auto& series(Deque& deque, const std::string& labels) {
  for (auto& one : deque) {
    if (one.labels == labels) return one.value;
  }
  auto& added = deque.emplace_back();
  added.labels = labels;
  return added.value;
}

}  // namespace

void Histogram::observe(double seconds, std::uint64_t times) noexcept {
  if (!(seconds >= 0)) seconds = 0;
  std::size_t bucket = 0;
  while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
  buckets_[bucket].fetch_add(times, std::memory_order_relaxed);
  sum_ns_.fetch_add(static_cast<std::uint64_t>(seconds * 1e9) * times, std::memory_order_relaxed);
}

std::uint64_t Histogram::count() const noexcept {
  std::uint64_t total = 0;
  for (const auto& bucket : buckets_) total += bucket.load(std::memory_order_relaxed);
  return total;
}

double Histogram::quantile_bound(double share) const noexcept {
  const double wanted = share * static_cast<double>(count());
  if (wanted <= 0) return 0;
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    sum += buckets_[i].load(std::memory_order_relaxed);
    if (static_cast<double>(sum) >= wanted) return kBounds[i];
  }
  return INFINITY;
}

Metrics::Metrics(std::string tool) : tool_(std::move(tool)) {
  gauge("build_info", "The version of this tool, as a label; always 1.", {{"version", CAMRING_VERSION}})
      .set(1);
}

std::string Metrics::label_text(const Labels& labels) const {
  std::string text = "tool=\"" + escape(tool_) + "\"";
  for (const auto& [key, value] : labels) text += "," + key + "=\"" + escape(value) + "\"";
  return text;
}

Metrics::Family& Metrics::family(const std::string& name, const std::string& help, const std::string& type) {
  for (auto& one : families_) {
    if (one.name == name) return one;
  }
  auto& added = families_.emplace_back();
  added.name = name;
  added.help = help;
  added.type = type;
  return added;
}

Counter& Metrics::counter(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return series(family(name, help, "counter").counters, label_text(labels));
}

Gauge& Metrics::gauge(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return series(family(name, help, "gauge").gauges, label_text(labels));
}

Histogram& Metrics::histogram(const std::string& name, const std::string& help, const Labels& labels) {
  const std::lock_guard lock(mutex_);
  return series(family(name, help, "histogram").histograms, label_text(labels));
}

std::string Metrics::render() const {
  const std::lock_guard lock(mutex_);
  std::string out;
  for (const Family& family : families_) {
    const std::string name = "camring_" + family.name;
    out += "# HELP " + name + " " + family.help + "\n# TYPE " + name + " " + family.type + "\n";
    for (const auto& one : family.counters) {
      out += name + "{" + one.labels + "} " + std::to_string(one.value.value()) + "\n";
    }
    for (const auto& one : family.gauges)
      out += name + "{" + one.labels + "} " + number(one.value.value()) + "\n";
    for (const auto& one : family.histograms) {
      std::uint64_t sum = 0;
      for (std::size_t i = 0; i <= Histogram::kBounds.size(); ++i) {
        sum += one.value.buckets_[i].load(std::memory_order_relaxed);
        const std::string bound = i < Histogram::kBounds.size() ? number(Histogram::kBounds[i]) : "+Inf";
        out += name + "_bucket{" + one.labels + ",le=\"" + bound + "\"} " + std::to_string(sum) + "\n";
      }
      out += name + "_sum{" + one.labels + "} " +
             number(static_cast<double>(one.value.sum_ns_.load(std::memory_order_relaxed)) / 1e9) + "\n";
      out += name + "_count{" + one.labels + "} " + std::to_string(sum) + "\n";
    }
  }
  return out;
}

}  // namespace camring::app
