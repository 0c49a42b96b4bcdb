// Which frames of two rings show the same moment, and which have no partner.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>

#include "sync/moment.h"

namespace camring::sync {

enum class PairBy : std::uint8_t {
  automatic,  ///< by number when a number and its source time are found in both, else by time
  number,     ///< the same source number, whatever the times say
  time,       ///< the nearest moment
};

/// Two frames that show the same moment.
struct Pair {
  Moment a, b;
  bool by_number = false;
  /// By how much b comes later than a: of one source frame the difference of the times when it could be seen;
  /// of two sources the difference of their delays (seen less captured), which leaves out that they are
  /// exposed at different instants.
  std::int64_t offset_ns = 0;
  std::int64_t at_ns = 0;  ///< when the pair was complete
};

struct PairCounts {
  std::uint64_t pairs = 0;
  std::array<std::uint64_t, 2> missing{};  ///< frames whose moment the ring of this index (Side) did not show
  std::uint64_t restarts = 0;              ///< source numbers that began again
  std::uint64_t jumps = 0;                 ///< times that went back, or leapt ahead
};

/// Takes the frames of two rings, each ring's in its order, and says which belong together. Remembers at most
/// kMemory frames of each. Allocates only while that memory grows. One thread.
///
/// Missing are frames of the ring with the lower rate that have no partner in the other; where the rates are
/// the same (within a fifth), of both. Frames before the other ring's first, and around frames that the
/// reader lost, are not judged. A frame that is published once more counts once.
class FramePairer {
 public:
  static constexpr std::size_t kMemory = 1024;

  explicit FramePairer(PairBy by = PairBy::automatic) : by_(by) {}

  /// @param period_ns  from frame to frame as the ring's format says; 0: unknown, then it is measured
  void set_period(Side side, std::int64_t period_ns) noexcept;
  /// A frame of a ring.
  void add(Side side, const Moment& moment);
  /// The next pair, the oldest first; empty when there is none yet.
  [[nodiscard]] std::optional<Pair> take();
  /// Pairs from here on have nothing to do with those before (a jump, a restart, another source). True once.
  [[nodiscard]] bool take_break() noexcept;

  [[nodiscard]] const PairCounts& counts() const noexcept { return counts_; }
  /// How pairs are made now; automatic: not decided yet.
  [[nodiscard]] PairBy by() const noexcept { return by_ == PairBy::automatic ? found_ : by_; }
  /// Newest timeline of b less a's; empty while one has had no frame. For the message when nothing pairs.
  [[nodiscard]] std::optional<std::int64_t> apart_ns() const noexcept;

 private:
  struct Entry {
    Moment moment;
    std::uint64_t run = 0;  ///< how often numbers had begun again
    bool settled = false;   ///< paired, missing or not to be judged
    bool paired = false;
  };
  struct Feed {
    std::deque<Entry> entries;
    std::uint64_t run = 0;
    std::int64_t nominal_ns = 0, measured_ns = 0;
    std::size_t unsettled_from = 0;  ///< all entries before it are settled
    [[nodiscard]] std::int64_t period() const noexcept { return nominal_ns > 0 ? nominal_ns : measured_ns; }
  };

  [[nodiscard]] Feed& feed(Side side) noexcept { return feeds_[static_cast<std::size_t>(side)]; }
  [[nodiscard]] const Feed& feed(Side side) const noexcept { return feeds_[static_cast<std::size_t>(side)]; }
  void notice_breaks(Side side, const Moment& moment);
  static void measure(Feed& feed);
  void decide();
  [[nodiscard]] bool match_number(Side side, bool exact);
  void judge_passed(Side side);
  void pair_by_time();
  void settle_side(Side side, bool pairing);
  void emit(Entry& a, Entry& b, bool by_number);
  [[nodiscard]] Entry* nearest(Feed& feed, std::int64_t timeline_ns) noexcept;
  [[nodiscard]] bool same_rate() const noexcept;
  [[nodiscard]] bool counts_missing(Side side) const noexcept;

  PairBy by_, found_ = PairBy::automatic;
  std::array<Feed, 2> feeds_;
  std::deque<Pair> ready_;
  PairCounts counts_;
  bool broke_ = false;
};

}  // namespace camring::sync
