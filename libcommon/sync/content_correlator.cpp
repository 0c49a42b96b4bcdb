#include "sync/content_correlator.h"

#include <algorithm>
#include <cmath>
#include <vector>

namespace camring::sync {
namespace {

constexpr std::int64_t kLeastNs = 2'000'000'000;  // that both rings must cover
constexpr std::size_t kLeastSamples = 20;
constexpr std::int64_t kFinestStepNs = 5'000'000, kCoarsestStepNs = 50'000'000;
constexpr double kLeastChange = 0.05;  // deviation of luma from grid point to grid point
constexpr double kLeastLikeness = 0.6;
constexpr double kLeastLead = 0.15;  // over the next best offset elsewhere
constexpr std::int64_t kLeastOverlapNs = 1'500'000'000;
// Standard errors that the best of some hundred offsets must be above nothing: chance alone gives 3 or 4.
constexpr double kLeastErrors = 5.5;

// Changes of a series from point to point of a grid, between samples on straight lines.
template <class Series>
std::vector<double> changes(const Series& series, std::int64_t from, std::int64_t step, std::size_t points) {
  std::vector<double> values(points);
  auto next = series.begin();
  for (std::size_t i = 0; i < points; ++i) {
    const std::int64_t at = from + static_cast<std::int64_t>(i) * step;
    while (next + 1 != series.end() && (next + 1)->at_ns <= at) ++next;
    values[i] = next->luma;
    if (next + 1 == series.end() || at <= next->at_ns) continue;
    const auto after = next + 1;
    const double share =
        static_cast<double>(at - next->at_ns) / static_cast<double>(after->at_ns - next->at_ns);
    values[i] += (after->luma - next->luma) * share;
  }
  for (std::size_t i = 0; i + 1 < points; ++i) values[i] = values[i + 1] - values[i];
  values.pop_back();
  return values;
}

double deviation(const std::vector<double>& values) {
  double sum = 0, squares = 0;
  for (const double value : values) {
    sum += value;
    squares += value * value;
  }
  const auto n = static_cast<double>(values.size());
  return std::sqrt(std::max(0.0, squares / n - sum / n * (sum / n)));
}

// Correlation of a[i] with b[i + lag] over the points that both have.
double likeness_at(const std::vector<double>& a, const std::vector<double>& b, std::ptrdiff_t lag,
                   std::ptrdiff_t least) {
  const auto n_a = static_cast<std::ptrdiff_t>(a.size()), n_b = static_cast<std::ptrdiff_t>(b.size());
  const std::ptrdiff_t from = std::max<std::ptrdiff_t>(0, -lag), to = std::min(n_a, n_b - lag);
  if (to - from < least) return 0;
  double sum_a = 0, sum_b = 0, aa = 0, bb = 0, ab = 0;
  for (std::ptrdiff_t i = from; i < to; ++i) {
    const double x = a[static_cast<std::size_t>(i)], y = b[static_cast<std::size_t>(i + lag)];
    sum_a += x;
    sum_b += y;
    aa += x * x;
    bb += y * y;
    ab += x * y;
  }
  const auto n = static_cast<double>(to - from);
  const double variance = (aa - sum_a * sum_a / n) * (bb - sum_b * sum_b / n);
  return variance > 0 ? (ab - sum_a * sum_b / n) / std::sqrt(variance) : 0;
}

// How many points of the grid count as one: neighbours change alike (Bartlett 1946, of two series).
double points_a_change(const std::vector<double>& a, const std::vector<double>& b, std::ptrdiff_t least) {
  double sum = 1;
  for (std::ptrdiff_t lag = 1; lag < least; ++lag) {
    const double both = likeness_at(a, a, lag, least) * likeness_at(b, b, lag, least);
    sum += 2 * std::max(0.0, both);
  }
  return sum;
}

// A correlation of n independent points in standard errors (Fisher's transformation).
double errors_above_chance(double likeness, double n) {
  return n > 4 ? std::atanh(std::clamp(likeness, 0.0, 0.9999)) * std::sqrt(n - 3) : 0;
}

// How far beside its highest point the peak really lies, in points: -0.5 to 0.5.
double beside(double before, double at, double after) {
  const double bend = before - 2 * at + after;
  return bend < 0 ? std::clamp((before - after) / (2 * bend), -0.5, 0.5) : 0;
}

// From sample to sample.
template <class Series>
std::int64_t period_of(const Series& series) {
  return (series.back().at_ns - series.front().at_ns) / static_cast<std::int64_t>(series.size() - 1);
}

}  // namespace

const char* to_string(ContentAnswer::Why why) noexcept {
  switch (why) {
    case ContentAnswer::Why::found:
      return "found";
    case ContentAnswer::Why::too_short:
      return "too few pictures yet";
    case ContentAnswer::Why::still:
      return "the brightness hardly changes: let somebody move, or switch a light";
    case ContentAnswer::Why::unlike:
      return "the pictures are nowhere alike: do both cameras see the same scene?";
    case ContentAnswer::Why::ambiguous:
      break;
  }
  return "the pictures are alike at several offsets: does a light blink?";
}

void ContentCorrelator::add(Side side, std::int64_t seen_ns, double luma) {
  Series& series = series_[static_cast<std::size_t>(side)];
  if (!series.empty() && seen_ns <= series.back().at_ns) series.clear();
  series.push_back({seen_ns, luma});
  while (series.size() > kMemory || seen_ns - series.front().at_ns > window_ns_) series.pop_front();
}

void ContentCorrelator::clear() noexcept {
  for (Series& series : series_) series.clear();
}

ContentAnswer ContentCorrelator::find() const {
  ContentAnswer answer;
  const Series &a = series_[0], &b = series_[1];
  answer.samples = std::min(a.size(), b.size());
  if (answer.samples < kLeastSamples) return answer;
  const std::int64_t covered = std::min({a.back().at_ns - a.front().at_ns, b.back().at_ns - b.front().at_ns});
  if (covered < kLeastNs) return answer;
  const std::int64_t step =
      std::clamp(std::max(period_of(a), period_of(b)) / 2, kFinestStepNs, kCoarsestStepNs);
  const auto points = [&](const Series& series) {
    return static_cast<std::size_t>((series.back().at_ns - series.front().at_ns) / step + 1);
  };
  const std::vector<double> in_a = changes(a, a.front().at_ns, step, points(a)),
                            in_b = changes(b, b.front().at_ns, step, points(b));
  answer.why = ContentAnswer::Why::still;
  if (std::min(deviation(in_a), deviation(in_b)) < kLeastChange) return answer;

  // Both grids begin at their own series: `skew` is what a lag of 0 means.
  const std::int64_t skew = b.front().at_ns - a.front().at_ns;
  const auto first = static_cast<std::ptrdiff_t>((-kReachNs - skew) / step),
             last = static_cast<std::ptrdiff_t>((kReachNs - skew) / step);
  const auto least = static_cast<std::ptrdiff_t>(kLeastOverlapNs / step);
  const auto n_a = static_cast<std::ptrdiff_t>(in_a.size()), n_b = static_cast<std::ptrdiff_t>(in_b.size());
  std::vector<double> likeness;
  for (std::ptrdiff_t lag = first; lag <= last; ++lag)
    likeness.push_back(likeness_at(in_a, in_b, lag, least));
  const auto top =
      static_cast<std::size_t>(std::max_element(likeness.begin(), likeness.end()) - likeness.begin());
  answer.likeness = likeness[top];

  // The next best peak: outside the slopes of the best one.
  std::size_t left = top, right = top;
  // Noise makes small peaks on them, so they begin at half the height.
  const double half = answer.likeness / 2;
  while (left > 0 && (likeness[left - 1] > half || likeness[left - 1] < likeness[left])) --left;
  while (right + 1 < likeness.size() && (likeness[right + 1] > half || likeness[right + 1] < likeness[right]))
    ++right;
  double second = 0;
  for (std::size_t i = 0; i < likeness.size(); ++i) {
    if (i < left || i > right) second = std::max(second, likeness[i]);
  }
  const double lead = answer.likeness - second;
  answer.confidence = std::clamp(answer.likeness, 0.0, 1.0) * std::clamp(lead / (2 * kLeastLead), 0.0, 1.0);
  const std::ptrdiff_t lag = first + static_cast<std::ptrdiff_t>(top);
  const std::ptrdiff_t overlap = std::min(n_a, n_b - lag) - std::max<std::ptrdiff_t>(0, -lag);
  const double changes_seen = static_cast<double>(overlap) / points_a_change(in_a, in_b, least);
  const bool chance = errors_above_chance(answer.likeness, changes_seen) < kLeastErrors;
  answer.why = answer.likeness < kLeastLikeness || chance ? ContentAnswer::Why::unlike
               : lead < kLeastLead                        ? ContentAnswer::Why::ambiguous
                                                          : ContentAnswer::Why::found;
  if (answer.why != ContentAnswer::Why::found) return answer;
  const double fine =
      top > 0 && top + 1 < likeness.size() ? beside(likeness[top - 1], likeness[top], likeness[top + 1]) : 0;
  answer.offset_ns =
      skew + lag * step + static_cast<std::int64_t>(std::llround(fine * static_cast<double>(step)));
  return answer;
}

}  // namespace camring::sync
