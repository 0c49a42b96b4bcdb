// From readings to verdicts with reasons in plain words.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "app/verdict.h"
#include "metrics.h"
#include "ring/ring_types.h"
#include "sync/clock_discipline.h"

namespace camring::syncmon {

/// What is known of one ring apart from its frames.
struct RingState {
  std::string name;
  WriterState writer = WriterState::absent;
  std::uint64_t frames = 0;       ///< seen
  std::int64_t published_ns = 0;  ///< the newest of them
};

struct Limits {
  Ranges warning, critical;
  std::chrono::nanoseconds tolerance{50'000'000};
  std::chrono::nanoseconds max_age{2'000'000'000};
};
/// The ranges of the table.
[[nodiscard]] Limits default_limits();

/// Whether its writer is well and its newest frame is not too old: whether what was measured still holds.
/// @param now_ns  CLOCK_MONOTONIC
[[nodiscard]] bool runs(const RingState& ring, const Limits& limits, std::int64_t now_ns);
/// @param now_ns  CLOCK_MONOTONIC
[[nodiscard]] app::Verdict judge(const RingState& a, const RingState& b, const PairReading& reading,
                                 const Limits& limits, const std::optional<sync::ClockDiscipline>& clock,
                                 std::int64_t now_ns);

/// "delay cam0.high by 83 ms"; empty where there is nothing to correct, which is less than a millisecond.
[[nodiscard]] std::string advice(const RingState& a, const RingState& b, const PairReading& reading);
/// "83.2 ms".
[[nodiscard]] std::string ms_text(std::int64_t ns);

}  // namespace camring::syncmon
