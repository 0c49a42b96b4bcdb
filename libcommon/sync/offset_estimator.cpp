#include "sync/offset_estimator.h"

#include <algorithm>
#include <cmath>
#include <cstdlib>

namespace camring::sync {
namespace {

constexpr std::size_t kSlopePoints = 256;  // 32,640 slopes: a third of a millisecond
constexpr double kNormal95 = 1.96;

// The value that `rank` others are below. Reorders.
template <class T>
T at_rank(std::vector<T>& values, std::size_t rank) {
  const auto place = values.begin() + static_cast<std::ptrdiff_t>(std::min(rank, values.size() - 1));
  std::nth_element(values.begin(), place, values.end());
  return *place;
}

std::int64_t median(std::vector<std::int64_t>& values) { return at_rank(values, values.size() / 2); }

}  // namespace

void OffsetEstimator::add(std::int64_t offset_ns, std::int64_t at_ns) {
  window_.push_back({at_ns, offset_ns});
  while (window_.size() > kMemory || (window_.size() > 1 && at_ns - window_.front().at_ns > rules_.window_ns))
    window_.pop_front();
  if (std::abs(offset_ns) > rules_.tolerance_ns) {
    ++violations_;
    good_run_ = 0;
    if (++bad_run_ >= rules_.max_violations) degraded_ = true;
  } else {
    bad_run_ = 0;
    if (++good_run_ >= rules_.max_violations) degraded_ = false;
  }
}

void OffsetEstimator::expire(std::int64_t now_ns, std::int64_t least_ns) noexcept {
  const std::int64_t horizon = std::max(rules_.window_ns, least_ns);
  while (!window_.empty() && now_ns - window_.front().at_ns > horizon) window_.pop_front();
}

void OffsetEstimator::clear() noexcept {
  window_.clear();
  bad_run_ = good_run_ = 0;
}

std::size_t OffsetEstimator::window_violations() const noexcept {
  return static_cast<std::size_t>(std::count_if(window_.begin(), window_.end(), [this](const Point& point) {
    return std::abs(point.offset_ns) > rules_.tolerance_ns;
  }));
}

std::int64_t OffsetEstimator::recent() const {
  std::vector<std::int64_t> last;
  const std::size_t count = std::min(std::max<std::size_t>(1, rules_.max_violations), window_.size());
  for (std::size_t i = window_.size() - count; i < window_.size(); ++i) last.push_back(window_[i].offset_ns);
  return median(last);
}

std::optional<Suggestion> OffsetEstimator::suggestion() const {
  if (window_.empty()) return {};
  const std::int64_t late = recent();
  return Suggestion{late > 0 ? Side::a : Side::b, std::abs(late)};
}

void OffsetEstimator::measure_drift(Estimate& estimate) const {
  if (window_.size() < kDriftPairs || estimate.span_ns < kDriftSpanNs) return;
  // All of a long window would be millions of slopes: points spread over it say as much.
  const std::size_t count = std::min(kSlopePoints, window_.size());
  const auto point = [&](std::size_t i) { return window_[i * (window_.size() - 1) / (count - 1)]; };
  std::vector<double> slopes;
  slopes.reserve(count * (count - 1) / 2);
  for (std::size_t i = 0; i < count; ++i) {
    for (std::size_t j = i + 1; j < count; ++j) {
      const std::int64_t run = point(j).at_ns - point(i).at_ns;
      if (run > 0)
        slopes.push_back(static_cast<double>(point(j).offset_ns - point(i).offset_ns) /
                         static_cast<double>(run));
    }
  }
  if (slopes.empty()) return;
  const auto n = static_cast<double>(count);
  const double spread = kNormal95 * std::sqrt(n * (n - 1) * (2 * n + 5) / 18) / 2;
  const double middle = static_cast<double>(slopes.size()) / 2;
  const auto rank = [&](double at) {
    return static_cast<std::size_t>(std::clamp(at, 0.0, static_cast<double>(slopes.size() - 1)));
  };
  estimate.drift_ppm = at_rank(slopes, rank(middle)) * 1e6;
  estimate.drift_error_ppm =
      (at_rank(slopes, rank(middle + spread)) - at_rank(slopes, rank(middle - spread))) / 2 * 1e6;
}

Estimate OffsetEstimator::estimate(bool with_drift) const {
  Estimate estimate;
  estimate.pairs = window_.size();
  if (window_.empty()) return estimate;
  estimate.span_ns = window_.back().at_ns - window_.front().at_ns;
  std::vector<std::int64_t> values;
  values.reserve(window_.size());
  for (const Point& point : window_) {
    values.push_back(point.offset_ns);
    if (std::abs(point.offset_ns) >= std::abs(estimate.max_ns)) estimate.max_ns = point.offset_ns;
  }
  estimate.p50_ns = median(values);
  for (std::int64_t& value : values) value = std::abs(value);
  estimate.p95_ns = at_rank(values, (values.size() * 95 + 99) / 100 - 1);
  values.clear();
  for (const Point& point : window_) values.push_back(std::abs(point.offset_ns - estimate.p50_ns));
  estimate.jitter_ns = median(values);
  estimate.recent_ns = recent();
  if (with_drift) measure_drift(estimate);
  return estimate;
}

std::vector<std::int64_t> delays_to_meet(const std::vector<std::int64_t>& lateness_ns) {
  std::vector<std::int64_t> delays;
  if (lateness_ns.empty()) return delays;
  const std::int64_t latest = *std::max_element(lateness_ns.begin(), lateness_ns.end());
  for (const std::int64_t late : lateness_ns) delays.push_back(latest - late);
  return delays;
}

}  // namespace camring::sync
