// Whether this machine's clock is kept right, by whatever keeps it (chrony, ntpd, systemd-timesyncd, PTP).
#pragma once

#include <cstdint>
#include <optional>
#include <string>

namespace camring::sync {

/// The kernel's view of its clock (adjtimex(2)).
struct ClockDiscipline {
  bool synchronised = false;            ///< STA_UNSYNC is not set
  std::int64_t estimated_error_ns = 0;  ///< what the disciplining program thinks
  std::int64_t maximum_error_ns = 0;
  double frequency_ppm = 0;  ///< by how much the clock's rate is corrected
  std::int64_t tai_offset_s = 0;
};

/// Asks the kernel; changes nothing, needs no privilege. Empty where the system call is forbidden (a
/// container's seccomp filter).
[[nodiscard]] std::optional<ClockDiscipline> clock_discipline() noexcept;
/// "synchronised, estimated error 0.2 ms, frequency +12.3 ppm".
[[nodiscard]] std::string describe(const ClockDiscipline& clock);

}  // namespace camring::sync
