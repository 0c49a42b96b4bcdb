// The hour of the day that baselines are kept by.
#pragma once

#include <ctime>

namespace camring::framecheck {

/// 0 to 23, local time.
[[nodiscard]] inline int hour_now() noexcept {
  const std::time_t now = ::time(nullptr);
  std::tm parts{};
  ::localtime_r(&now, &parts);
  return parts.tm_hour;
}

}  // namespace camring::framecheck
