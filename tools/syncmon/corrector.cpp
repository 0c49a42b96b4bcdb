#include "corrector.h"

#include <cstdlib>

#include "base/clock.h"
#include "ring/control_client.h"
#include "ring/ring_name.h"

namespace camring::syncmon {
namespace {

constexpr std::int64_t kWorthNs = 1'000'000;
constexpr std::int64_t kNewsNs = 2'000'000;  // a smaller change waits until the correction is renewed
constexpr int kAnswerMs = 200;

}  // namespace

Corrector::Corrector(std::vector<std::string> rings, std::chrono::nanoseconds valid) : valid_(valid) {
  for (std::string& name : rings) rings_.push_back({std::move(name)});
}

std::string Corrector::tell(const std::vector<std::optional<std::int64_t>>& delays_ns) {
  std::string latest, failed;
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    if (delays_ns[i] && *delays_ns[i] == 0 && latest.empty()) latest = rings_[i].name;
  }
  const std::int64_t now = monotonic_ns();
  for (std::size_t i = 0; i < rings_.size(); ++i) {
    Told& told = rings_[i];
    if (!delays_ns[i]) continue;
    const std::int64_t delay = *delays_ns[i] < kWorthNs ? 0 : *delays_ns[i];
    const bool due = now - told.at_ns > valid_.count() / 2;
    if (delay == 0 ? told.delay_ns == 0 : std::abs(delay - told.delay_ns) < kNewsNs && !due) continue;
    Correction correction;
    correction.delay_ns = delay;
    correction.valid_ns = delay == 0 ? 0 : valid_.count();
    correction.against = latest;
    if (!publish_correction(RingPaths(told.name).sock, correction, kAnswerMs)) {
      failed += (failed.empty() ? "" : ", ") + told.name;
      continue;
    }
    told.delay_ns = delay;
    told.at_ns = now;
  }
  return failed.empty()
             ? ""
             : "publish correction: " + failed + ": its writer takes none; has it a control channel?";
}

}  // namespace camring::syncmon
