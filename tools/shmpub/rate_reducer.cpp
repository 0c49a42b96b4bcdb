#include "rate_reducer.h"

#include <algorithm>
#include <cstdlib>

namespace camring::shmpub {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kGap = 5 * kSecond;  // a longer pause, or time running back, starts the grid anew
constexpr std::int64_t kSmoothing = 32;     // frames

}  // namespace

void RateReducer::restart(Rate nominal) noexcept {
  started_ = seen_ = false;
  interval_ns_ = nominal.period().count();
  samples_ = interval_ns_ == 0 ? 0 : kSmoothing;
}

std::int64_t RateReducer::place(std::int64_t index) const noexcept {
  return anchor_ns_ +
         static_cast<std::int64_t>(static_cast<__int128>(index) * kSecond * wanted_->den / wanted_->num);
}

void RateReducer::learn(std::int64_t time_ns, std::uint64_t number) noexcept {
  const std::int64_t step = time_ns - last_ns_;
  if (seen_ && (step <= 0 || step > kGap || number <= last_number_)) {
    started_ = false;
  } else if (seen_) {
    const std::int64_t sample = step / static_cast<std::int64_t>(number - last_number_);
    samples_ = std::min<std::int64_t>(samples_ + 1, kSmoothing);
    interval_ns_ += (sample - interval_ns_) / samples_;
  }
  seen_ = true;
  last_ns_ = time_ns;
  last_number_ = number;
}

bool RateReducer::due(std::int64_t time_ns, std::uint64_t number) noexcept {
  if (!wanted_) return true;
  learn(time_ns, number);
  if (!started_) return true;
  // A source that is no faster than what is wanted comes through whole, whatever its jitter.
  const std::int64_t period = wanted_->period().count();
  if (period <= interval_ns_ + interval_ns_ / 50) return true;
  // The next frame is expected an interval later: this one is the nearest if the place lies before the
  // middle.
  return time_ns + interval_ns_ / 2 >= place(next_);
}

void RateReducer::taken() noexcept {
  if (!wanted_) return;
  if (!started_) {
    started_ = true;
    anchor_ns_ = last_ns_;
    next_ = 1;
    return;
  }
  const auto index_before = [&](std::int64_t time_ns) {
    return static_cast<std::int64_t>(static_cast<__int128>(time_ns - anchor_ns_) * wanted_->num /
                                     (static_cast<__int128>(kSecond) * wanted_->den));
  };
  // 29.97 frames a second to 15: the grid follows the source's clock by at most a five-hundredth, so that
  // every second frame is taken instead of a third one now and then.
  const std::int64_t filled = index_before(last_ns_ + interval_ns_ / 2);
  const std::int64_t limit = wanted_->period().count() / 500;
  anchor_ns_ += std::clamp((last_ns_ - place(filled)) / 16, -limit, limit);
  next_ = index_before(last_ns_ + interval_ns_ / 2) + 1;
}

}  // namespace camring::shmpub
