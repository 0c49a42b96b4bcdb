#include "media_clock.h"

#include <algorithm>

namespace camring::camcap {
namespace {

constexpr std::int64_t kUsualPeriodNs = 40'000'000;
constexpr std::int64_t kMostBehindNs = 500'000'000;    // a player that was stopped goes on from now
constexpr std::int64_t kMostAheadNs = 10'000'000'000;  // a gap in a file's timestamps is not waited out
constexpr std::int64_t kMostJitterNs = 2'000'000'000;  // a stream's timestamps jumped
constexpr std::int64_t kDriftShare = 256;              // how slowly a growing delay is believed

}  // namespace

void MediaClock::restart() noexcept { started_ = false; }

MediaClock::Due MediaClock::next(std::optional<std::int64_t> timestamp_ns, std::int64_t period_ns,
                                 std::int64_t now_ns) noexcept {
  if (period_ns <= 0) period_ns = last_period_ns_ > 0 ? last_period_ns_ : kUsualPeriodNs;
  const bool first_ever = last_capture_ns_ == 0;
  const std::int64_t stamp = timestamp_ns.value_or(last_stamp_ns_ + (started_ ? period_ns : 0));
  Due due;
  if (!started_) {
    started_ = true;
    const std::int64_t begin = kind_ == Kind::paced && !first_ever
                                   ? std::max(last_capture_ns_ + period_ns, now_ns - kMostBehindNs)
                                   : now_ns;
    offset_ns_ = begin - stamp;
    due.jumped = !first_ever;
  }
  switch (kind_) {
    case Kind::fast:
    case Kind::arrival:
      due.capture_ns = now_ns;
      break;
    case Kind::paced: {
      std::int64_t when = stamp + offset_ns_;
      if (now_ns - when > kMostBehindNs || when - now_ns > kMostAheadNs) {
        offset_ns_ += now_ns - when;
        when = now_ns;
        due.jumped = true;
      }
      due.capture_ns = when;
      due.wait = std::chrono::nanoseconds(when - now_ns);
      break;
    }
    case Kind::live: {
      const std::int64_t measured = now_ns - stamp;  // the least delay seen is the truest
      if (measured < offset_ns_) {
        due.jumped = offset_ns_ - measured > kMostJitterNs;
        offset_ns_ = measured;
      } else if (measured - offset_ns_ > kMostJitterNs) {
        due.jumped = true;
        offset_ns_ = measured;
      } else {
        offset_ns_ += (measured - offset_ns_) / kDriftShare;
      }
      due.capture_ns = stamp + offset_ns_;
      break;
    }
  }
  if (stamp > last_stamp_ns_ && stamp - last_stamp_ns_ < 1'000'000'000)
    last_period_ns_ = stamp - last_stamp_ns_;
  last_stamp_ns_ = stamp;
  last_capture_ns_ = due.capture_ns;
  return due;
}

}  // namespace camring::camcap
