#include "hold_policy.h"

#include <algorithm>
#include <cstdlib>

namespace camring::sseserve {

void HoldPolicy::judge(std::int64_t offset_ns, std::int64_t expected_ns) noexcept {
  if (ordered_ != SyncMode::hold) return;
  // Raw can wait for the annotated channel, never the reverse, and not for ever.
  const std::int64_t left = offset_ns - std::clamp<std::int64_t>(expected_ns, 0, kLongest);
  if (std::abs(left) > tolerance_ns_) {
    good_run_ = 0;
    if (++bad_run_ >= max_violations_) fallen_ = true;
  } else {
    bad_run_ = 0;
    if (++good_run_ >= max_violations_) fallen_ = false;
  }
}

std::int64_t HoldPolicy::hold_ns(std::int64_t wanted_ns) const noexcept {
  switch (mode()) {
    case SyncMode::hold:
      return wanted_ns;
    case SyncMode::best:
      return wanted_ns <= 2 * tolerance_ns_ ? std::min(wanted_ns, tolerance_ns_) : 0;
    case SyncMode::none:
      break;
  }
  return 0;
}

}  // namespace camring::sseserve
