#include "sync/clock_discipline.h"

#include <sys/timex.h>

#include <array>
#include <cstdio>

namespace camring::sync {

std::optional<ClockDiscipline> clock_discipline() noexcept {
  timex asked{};  // modes 0: read only
  const int state = ::adjtimex(&asked);
  if (state < 0) return {};
  ClockDiscipline clock;
  clock.synchronised = (asked.status & STA_UNSYNC) == 0 && state != TIME_ERROR;
  clock.estimated_error_ns = std::int64_t{asked.esterror} * 1000;
  clock.maximum_error_ns = std::int64_t{asked.maxerror} * 1000;
  clock.frequency_ppm = static_cast<double>(asked.freq) / 65536;  // ppm with 16 bits behind the point
  clock.tai_offset_s = asked.tai;
  return clock;
}

std::string describe(const ClockDiscipline& clock) {
  std::array<char, 120> text{};
  std::snprintf(text.data(), text.size(), "%s, estimated error %.3g ms, frequency %+.3g ppm",
                clock.synchronised ? "synchronised" : "not synchronised",
                static_cast<double>(clock.estimated_error_ns) * 1e-6, clock.frequency_ppm);
  return text.data();
}

}  // namespace camring::sync
