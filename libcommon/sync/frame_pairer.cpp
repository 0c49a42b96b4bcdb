#include "sync/frame_pairer.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

namespace camring::sync {
namespace {

constexpr std::int64_t kJumpNs = 1'000'000'000;
constexpr std::int64_t kCatchUpNs = 10'000'000'000;  // that a channel may have been behind
constexpr std::size_t kEvidence = 3;  // frames inside the other ring's time without their number in it
constexpr std::size_t kPeriods = 16;  // that a rate is measured over
constexpr std::int64_t kReachShare = 4, kReachParts = 3;  // 3/4 of a period: one missing frame is not bridged

}  // namespace

void FramePairer::set_period(Side side, std::int64_t period_ns) noexcept {
  feed(side).nominal_ns = std::max<std::int64_t>(0, period_ns);
}

bool FramePairer::take_break() noexcept { return std::exchange(broke_, false); }

std::optional<Pair> FramePairer::take() {
  if (ready_.empty()) return {};
  const Pair pair = ready_.front();
  ready_.pop_front();
  return pair;
}

std::optional<std::int64_t> FramePairer::apart_ns() const noexcept {
  if (feeds_[0].entries.empty() || feeds_[1].entries.empty()) return {};
  return feeds_[1].entries.back().moment.timeline_ns - feeds_[0].entries.back().moment.timeline_ns;
}

void FramePairer::notice_breaks(Side side, const Moment& moment) {
  Feed& own = feed(side);
  const Moment& last = own.entries.back().moment;
  const std::int64_t step = moment.timeline_ns - last.timeline_ns;
  const std::int64_t ran_away = step - (moment.published_ns - last.published_ns);
  const bool back = moment.source_number <= last.source_number;
  // A channel that was behind and catches up leaps too, but shows nothing from the future.
  const bool future = moment.timeline_ns > moment.published_ns;
  const bool jumped = step < 0 || (ran_away > kJumpNs && future) || ran_away > kCatchUpNs;
  if (back) {
    ++counts_.restarts;
    ++own.run;
    // What the other ring shows of the run before will find no partner any more.
    for (Entry& entry : feed(other(side)).entries) {
      if (entry.run < own.run && entry.moment.timeline_ns < moment.timeline_ns) entry.settled = true;
    }
  }
  if (jumped) ++counts_.jumps;
  if (back || jumped) broke_ = true;
  // On another time line, or where the same numbers come again, old frames are neither partners nor missing.
  if (by_ == PairBy::number ? back : jumped) {
    own.entries.clear();
    own.unsettled_from = 0;
  }
}

void FramePairer::measure(Feed& feed) {
  if (feed.entries.size() < 3) return;
  std::array<std::int64_t, kPeriods> steps{};
  const std::size_t count = std::min(kPeriods, feed.entries.size() - 1);
  for (std::size_t i = 0; i < count; ++i) {
    const auto at = feed.entries.end() - 1 - static_cast<std::ptrdiff_t>(i);
    steps[i] = at->moment.timeline_ns - (at - 1)->moment.timeline_ns;
  }
  const auto middle = steps.begin() + static_cast<std::ptrdiff_t>(count / 2);
  std::nth_element(steps.begin(), middle, steps.begin() + static_cast<std::ptrdiff_t>(count));
  feed.measured_ns = std::max<std::int64_t>(0, *middle);
}

void FramePairer::add(Side side, const Moment& moment) {
  Feed& own = feed(side);
  // The same picture once more says nothing new.
  if (!own.entries.empty() && own.entries.back().moment.source_number == moment.source_number &&
      own.entries.back().moment.timeline_ns == moment.timeline_ns)
    return;
  const std::uint64_t breaks = counts_.restarts + counts_.jumps;
  if (!own.entries.empty()) notice_breaks(side, moment);
  Entry entry{moment, own.run};
  entry.moment.gap_before |= own.entries.empty() || counts_.restarts + counts_.jumps != breaks;
  own.entries.push_back(entry);
  if (own.entries.size() > kMemory) {
    own.entries.pop_front();
    own.unsettled_from -= own.unsettled_from > 0 ? 1 : 0;
  }
  measure(own);
  if (by_ == PairBy::time) return pair_by_time();
  if (match_number(side, by_ == PairBy::automatic)) {
    if (found_ == PairBy::time) broke_ = true;
    found_ = PairBy::number;
  } else if (by_ == PairBy::automatic && found_ != PairBy::time) {
    decide();
  }
  if (by() == PairBy::time) return pair_by_time();
  if (by() == PairBy::automatic) return;
  judge_passed(side);
  judge_passed(other(side));
}

// The partner of the newest frame of `side`, by number; exact: with the same source time.
bool FramePairer::match_number(Side side, bool exact) {
  Entry& mine = feed(side).entries.back();
  auto& theirs = feed(other(side)).entries;
  for (auto at = theirs.rbegin(); at != theirs.rend(); ++at) {
    // Numbers go up within a run: of a frame that is ahead of the other ring, there is nothing to look for.
    if (at->moment.source_number < mine.moment.source_number && at->run == theirs.front().run) return false;
    if (at->moment.source_number != mine.moment.source_number) continue;
    if (exact && at->moment.timeline_ns != mine.moment.timeline_ns) continue;
    if (at->paired) return false;
    side == Side::a ? emit(mine, *at, true) : emit(*at, mine, true);
    return true;
  }
  return false;
}

// Two sources, when frames of either ring lie inside the other's time but their numbers don't.
void FramePairer::decide() {
  const auto strangers = [this](Side side) {
    const Feed &own = feed(side), &theirs = feed(other(side));
    if (theirs.entries.empty()) return std::size_t{0};
    const std::int64_t from = theirs.entries.front().moment.timeline_ns,
                       to = theirs.entries.back().moment.timeline_ns;
    return static_cast<std::size_t>(
        std::count_if(own.entries.begin(), own.entries.end(), [&](const Entry& entry) {
          return !entry.paired && entry.moment.timeline_ns > from && entry.moment.timeline_ns < to;
        }));
  };
  // A channel that leaves frames out is no other source: in its ring all numbers are known to the other.
  if (std::min(strangers(Side::a), strangers(Side::b)) < kEvidence) return;
  const bool shared = std::any_of(feeds_[0].entries.begin(), feeds_[0].entries.end(),
                                  [](const Entry& entry) { return entry.paired; });
  const auto newest_pair = std::find_if(feeds_[0].entries.rbegin(), feeds_[0].entries.rend(),
                                        [](const Entry& entry) { return entry.paired; });
  if (shared && newest_pair - feeds_[0].entries.rbegin() < static_cast<std::ptrdiff_t>(kMemory / 4)) return;
  if (found_ == PairBy::number) broke_ = true;
  found_ = PairBy::time;
}

bool FramePairer::same_rate() const noexcept {
  const std::int64_t a = feeds_[0].period(), b = feeds_[1].period();
  return std::abs(a - b) * 5 <= std::max(a, b);
}

// Whether frames of `side` without a partner mean that the other ring misses them.
bool FramePairer::counts_missing(Side side) const noexcept {
  const std::int64_t own = feed(side).period(), theirs = feed(other(side)).period();
  return own > 0 && theirs > 0 && (same_rate() || own > theirs);
}

// Frames of `side` that the other ring has passed without a partner.
void FramePairer::judge_passed(Side side) {
  Feed &own = feed(side), &theirs = feed(other(side));
  const bool judged = counts_missing(side), by_time = by_ == PairBy::automatic;
  for (; own.unsettled_from < own.entries.size(); ++own.unsettled_from) {
    Entry& entry = own.entries[own.unsettled_from];
    if (entry.settled) continue;
    const auto next = std::upper_bound(theirs.entries.begin(), theirs.entries.end(), entry.moment,
                                       [&](const Moment& mine, const Entry& e) {
                                         return by_time ? mine.timeline_ns < e.moment.timeline_ns
                                                        : mine.source_number < e.moment.source_number;
                                       });
    if (next == theirs.entries.end()) return;
    entry.settled = true;
    if (judged && !next->moment.gap_before) ++counts_.missing[static_cast<std::size_t>(other(side))];
  }
}

FramePairer::Entry* FramePairer::nearest(Feed& feed, std::int64_t timeline_ns) noexcept {
  const auto after =
      std::lower_bound(feed.entries.begin(), feed.entries.end(), timeline_ns,
                       [](const Entry& entry, std::int64_t time) { return entry.moment.timeline_ns < time; });
  if (after == feed.entries.end()) return feed.entries.empty() ? nullptr : &feed.entries.back();
  if (after == feed.entries.begin()) return &*after;
  const auto before = after - 1;
  return timeline_ns - before->moment.timeline_ns < after->moment.timeline_ns - timeline_ns ? &*before
                                                                                            : &*after;
}

void FramePairer::pair_by_time() {
  if (feeds_[0].period() == 0 || feeds_[1].period() == 0) return;
  const Side lead = feeds_[0].period() > feeds_[1].period() && !same_rate() ? Side::a : Side::b;
  settle_side(lead, true);
  settle_side(other(lead), false);
}

// Judges the frames of one ring whose time the other has reached.
void FramePairer::settle_side(Side side, bool pairing) {
  Feed &own = feed(side), &theirs = feed(other(side));
  const bool judged = counts_missing(side);
  const std::int64_t reach = theirs.period() * kReachParts / kReachShare;
  for (; own.unsettled_from < own.entries.size(); ++own.unsettled_from) {
    Entry& entry = own.entries[own.unsettled_from];
    if (entry.settled) continue;
    const std::int64_t time = entry.moment.timeline_ns;
    if (theirs.entries.empty() || theirs.entries.back().moment.timeline_ns < time) return;
    entry.settled = true;
    Entry* partner = nearest(theirs, time);
    if (std::abs(partner->moment.timeline_ns - time) <= reach) {
      if (pairing && !entry.paired)
        side == Side::a ? emit(entry, *partner, false) : emit(*partner, entry, false);
      continue;
    }
    const auto next =
        std::upper_bound(theirs.entries.begin(), theirs.entries.end(), time,
                         [](std::int64_t at, const Entry& e) { return at < e.moment.timeline_ns; });
    if (judged && next != theirs.entries.end() && !next->moment.gap_before)
      ++counts_.missing[static_cast<std::size_t>(other(side))];
  }
}

void FramePairer::emit(Entry& a, Entry& b, bool by_number) {
  Pair pair{a.moment, b.moment, by_number};
  pair.offset_ns = b.moment.published_ns - a.moment.published_ns;
  if (!by_number) pair.offset_ns -= b.moment.timeline_ns - a.moment.timeline_ns;
  pair.at_ns = std::max(a.moment.published_ns, b.moment.published_ns);
  ++counts_.pairs;
  a.paired = b.paired = true;
  if (by_number) a.settled = b.settled = true;
  ready_.push_back(pair);
  if (ready_.size() > kMemory) ready_.pop_front();
}

}  // namespace camring::sync
