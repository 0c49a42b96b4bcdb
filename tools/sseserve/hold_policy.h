// Whether holding the raw channel back can bring both channels to one moment, and for how long it is held.
#pragma once

#include <cstddef>
#include <cstdint>

#include "options.h"

namespace camring::sseserve {

/// A channel whose lateness nobody can foretell, or that comes too late to wait for, can't be matched: its
/// viewers gain nothing by a hold, and those of the raw one would pay for it. Then mode `hold` falls to
/// `best`, until the channel can be matched again. Judged is what a hold could do, not what it does: one that
/// is still on its way to the right length is no reason to give up. One thread.
class HoldPolicy {
 public:
  static constexpr std::int64_t kLongest = 3'000'000'000;

  /// @param max_violations  so many pairs in a row that no hold would have matched make `hold` fall to
  /// `best`;
  ///                        as many in a row that one would have matched bring it back
  HoldPolicy(SyncMode ordered, std::chrono::nanoseconds tolerance, unsigned max_violations)
      : ordered_(ordered), tolerance_ns_(tolerance.count()), max_violations_(max_violations) {}

  /// A pair.
  /// @param offset_ns    by how much its annotated frame came later
  /// @param expected_ns  by how much the pairs before it said that it would
  void judge(std::int64_t offset_ns, std::int64_t expected_ns) noexcept;
  /// Pairs from here on have nothing to do with those before; what was decided stays.
  void restart() noexcept { bad_run_ = good_run_ = 0; }

  /// What is done now.
  [[nodiscard]] SyncMode mode() const noexcept { return fallen_ ? SyncMode::best : ordered_; }
  [[nodiscard]] bool fallen() const noexcept { return fallen_; }
  /// By how much to hold raw back where it would take `wanted_ns`. `best` adds no more than the tolerance,
  /// and nothing where that does not bring the channels within it.
  [[nodiscard]] std::int64_t hold_ns(std::int64_t wanted_ns) const noexcept;

 private:
  SyncMode ordered_;
  std::int64_t tolerance_ns_;
  std::size_t max_violations_, bad_run_ = 0, good_run_ = 0;
  bool fallen_ = false;
};

}  // namespace camring::sseserve
