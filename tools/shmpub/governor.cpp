#include "governor.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <memory>

namespace camring::shmpub {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
// Too much: the next frame would come before this one is done, or others on the machine wait for us.
constexpr double kBusy = 0.9, kBehind = 0.02, kPressure = 40;
// Enough room for a dearer step: the dearest costs about a third more.
constexpr double kCalmBusy = 0.6, kCalmPressure = 15;
constexpr double kLosing = 0.05;
constexpr int kInARow = 2;                     // one bad second is an accident
constexpr std::int64_t kSettle = 2 * kSecond;  // a step must show before the next one
constexpr std::int64_t kPatience = 10 * kSecond, kMaxPatience = 160 * kSecond;
constexpr std::int64_t kRegret = 20 * kSecond;  // overloaded so soon after a step up: it was wrong

std::string percent(double share) {
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "%.0f%%", share);
  return text.data();
}

std::string overload(const MachineLoad& load) {
  if (load.behind_share > kBehind)
    return percent(load.behind_share * 100) + " of the source's frames were missed";
  if (load.busy_share > kBusy)
    return "frames take " + percent(load.busy_share * 100) + " of the time they have";
  if (load.pressure && *load.pressure > kPressure)
    return "tasks wait for a CPU " + percent(*load.pressure) + " of the time";
  return {};
}

bool calm(const MachineLoad& load) {
  return load.behind_share == 0 && load.busy_share < kCalmBusy && load.pressure.value_or(0) < kCalmPressure;
}

}  // namespace

std::optional<double> cpu_pressure(const char* path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path, "re"), &std::fclose);
  double value = 0;
  if (!file || std::fscanf(file.get(), "some avg10=%lf", &value) != 1) return std::nullopt;
  return value;
}

// The dearest of those that were degraded least; raw outputs when nothing else is left.
std::optional<QualityStep> Governor::down(const std::vector<OutputLoad>& outputs, std::string reason) {
  std::optional<std::size_t> best;
  const auto before = [&](const OutputLoad& a, const OutputLoad& b) {
    if (a.raw != b.raw) return !a.raw;
    if (a.level != b.level) return a.level < b.level;
    return a.busy_seconds > b.busy_seconds;
  };
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].level >= outputs[i].max_level) continue;
    if (!best || before(outputs[i], outputs[*best])) best = i;
  }
  if (!best) return std::nullopt;
  return QualityStep{*best, outputs[*best].level + 1, std::move(reason)};
}

// The reverse: raw outputs first, then those that were degraded most.
std::optional<QualityStep> Governor::up(const std::vector<OutputLoad>& outputs) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    if (outputs[i].level == 0) continue;
    const auto better = [&](const OutputLoad& a, const OutputLoad& b) {
      return a.raw != b.raw ? a.raw : a.level > b.level;
    };
    if (!best || better(outputs[i], outputs[*best])) best = i;
  }
  if (!best) return std::nullopt;
  return QualityStep{*best, outputs[*best].level - 1, "there is room again"};
}

std::optional<QualityStep> Governor::judge(std::int64_t now_ns, const MachineLoad& machine,
                                           const std::vector<OutputLoad>& outputs) {
  if (patience_ns_ == 0) {
    patience_ns_ = kPatience;
    calm_since_ns_ = now_ns;
  }
  losing_.resize(outputs.size());
  std::optional<std::size_t> loser;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    const OutputLoad& one = outputs[i];
    if (one.seen + one.missed == 0) continue;  // reports come once a second, not once an interval
    const bool losing =
        static_cast<double>(one.missed) > kLosing * static_cast<double>(one.seen + one.missed);
    losing_[i] = losing ? losing_[i] + 1 : 0;
    if (losing && losing_[i] >= kInARow && one.level < one.max_level) loser = i;
  }
  const std::string reason = overload(machine);
  overloaded_ = reason.empty() ? 0 : overloaded_ + 1;
  const bool losses = std::any_of(losing_.begin(), losing_.end(), [](int n) { return n > 0; });
  if (!calm(machine) || losses) calm_since_ns_ = now_ns;
  const bool settled = now_ns - went_down_ns_ >= kSettle || went_down_ns_ == 0;

  std::optional<QualityStep> step;
  if (overloaded_ >= kInARow && settled) {
    step = down(outputs, reason);
  } else if (loser && settled) {
    step = QualityStep{*loser, outputs[*loser].level + 1, "its readers lose frames"};
    losing_[*loser] = 0;
  }
  if (step) {
    if (went_up_ns_ != 0 && now_ns - went_up_ns_ < kRegret)
      patience_ns_ = std::min(2 * patience_ns_, kMaxPatience);
    went_up_ns_ = 0;
    went_down_ns_ = now_ns;
    return step;
  }
  if (now_ns - calm_since_ns_ < patience_ns_) return std::nullopt;
  step = up(outputs);
  if (!step) {
    patience_ns_ = kPatience;  // all is as ordered again
    return std::nullopt;
  }
  went_up_ns_ = now_ns;
  calm_since_ns_ = now_ns;
  return step;
}

}  // namespace camring::shmpub
