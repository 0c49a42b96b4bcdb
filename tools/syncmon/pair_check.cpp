#include "pair_check.h"

#include <algorithm>
#include <utility>

namespace camring::syncmon {
namespace {

constexpr std::int64_t kCorrelateEveryNs = 250'000'000;
constexpr std::int64_t kCountedParts = 16;  // of the window
constexpr std::int64_t kPeriods = 3;        // of a slow ring, whose pairs are as rare

}  // namespace

const char* to_string(How how) noexcept {
  switch (how) {
    case How::nothing:
      return "nothing";
    case How::number:
      return "number";
    case How::time:
      return "time";
    case How::code:
      return "code";
    case How::content:
      break;
  }
  return "content";
}

PairCheck::PairCheck(const CheckRules& rules)
    : rules_(rules),
      stamps_(rules.by),
      by_stamps_(rules.offset),
      by_pictures_(rules.offset),
      correlator_(rules.offset.window_ns) {}

void PairCheck::drain(sync::FramePairer& pairer, sync::OffsetEstimator& into) {
  // What was measured before a jump or another source says nothing of now.
  if (pairer.take_break()) into.clear();
  while (const auto pair = pairer.take()) into.add(pair->offset_ns, pair->at_ns);
}

void PairCheck::add(sync::Side side, const Sighting& sighting) {
  newest_ns_ = std::max(newest_ns_, sighting.moment.published_ns);
  inferred_[static_cast<std::size_t>(side)] = sighting.inferred;
  const std::uint64_t jumps = stamps_.counts().jumps;
  stamps_.set_period(side, sighting.period_ns);
  stamps_.add(side, sighting.moment);
  drain(stamps_, by_stamps_);
  if (stamps_.counts().jumps != jumps) jumped_ns_ = newest_ns_;
  longest_ns_ = std::max(longest_ns_, sighting.period_ns);
  if (rules_.content) read_code(side, sighting);
  remember_counts();
  if (rules_.content) correlate(side, sighting);
  // Frames that come and tell nothing any more must not leave the last answer standing.
  by_stamps_.expire(newest_ns_, kPeriods * longest_ns_);
  by_pictures_.expire(newest_ns_, kPeriods * longest_ns_);
}

// Codes answer as long as they pair; a source may go over from the test pattern to a camera.
void PairCheck::read_code(sync::Side side, const Sighting& sighting) {
  const std::uint64_t pairs = codes_.counts().pairs;
  if (sighting.code) {
    sync::Moment moment = sighting.moment;
    moment.source_number = sighting.code->number;
    moment.timeline_ns = static_cast<std::int64_t>(sighting.code->clock_ns);
    codes_.set_period(side, sighting.period_ns);
    codes_.add(side, moment);
  }
  if (codes_.counts().pairs != pairs) codes_ns_ = newest_ns_;
  const bool codes =
      codes_ns_ != 0 && newest_ns_ - codes_ns_ <= std::max(rules_.offset.window_ns, kPeriods * longest_ns_);
  if (std::exchange(by_codes_, codes) != codes) {
    counted_.clear();  // of the other pairer
    by_pictures_.clear();
  }
  drain(codes_, by_pictures_);
}

void PairCheck::correlate(sync::Side side, const Sighting& sighting) {
  if (sighting.luma) correlator_.add(side, sighting.moment.published_ns, *sighting.luma);
  if (by_codes_ || newest_ns_ - correlated_ns_ < kCorrelateEveryNs) return;
  correlated_ns_ = newest_ns_;
  content_ = correlator_.find();
  if (content_.why == sync::ContentAnswer::Why::found) by_pictures_.add(content_.offset_ns, newest_ns_);
}

void PairCheck::remember_counts() {
  if (!counted_.empty() && newest_ns_ - counted_.back().at_ns < rules_.offset.window_ns / kCountedParts)
    return;
  const sync::PairCounts& counts = pairer().counts();
  counted_.push_back({newest_ns_, counts.pairs, counts.missing[0] + counts.missing[1]});
  while (newest_ns_ - counted_.front().at_ns > rules_.offset.window_ns) counted_.pop_front();
}

PairReading PairCheck::reading() const {
  PairReading reading;
  const sync::OffsetEstimator& estimator = answering();
  const sync::FramePairer& pairer = this->pairer();
  const bool codes = &pairer == &codes_;
  reading.estimate = estimator.estimate();
  reading.violations = estimator.window_violations();
  reading.all_violations = estimator.violations();
  reading.degraded = estimator.degraded();
  reading.suggestion = estimator.suggestion();
  reading.counts = pairer.counts();
  const Counted since = counted_.empty() ? Counted{} : counted_.front();
  const std::uint64_t missing = reading.counts.missing[0] + reading.counts.missing[1] - since.missing;
  if (const std::uint64_t all = reading.counts.pairs - since.pairs + missing; all > 0)
    reading.missing_percent = 100.0 * static_cast<double>(missing) / static_cast<double>(all);
  reading.apart_ns = stamps_.apart_ns();
  reading.jumped = jumped_ns_ != 0 && newest_ns_ - jumped_ns_ <= rules_.offset.window_ns;
  reading.inferred = inferred_[0] || inferred_[1];
  if (rules_.content) {
    if (by_stamps_.pairs() > 0) reading.stamps_ns = by_stamps_.estimate().p50_ns;
    if (!codes) reading.content = content_;
  }
  if (reading.estimate.pairs == 0) return reading;
  reading.how = codes                                 ? How::code
                : rules_.content                      ? How::content
                : pairer.by() == sync::PairBy::number ? How::number
                                                      : How::time;
  return reading;
}

}  // namespace camring::syncmon
