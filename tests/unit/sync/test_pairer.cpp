#include <algorithm>
#include <vector>

#include "catch.h"
#include "sync/frame_pairer.h"

using namespace camring::sync;

namespace {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kPeriod = 40 * kMs;
constexpr std::int64_t kStart = 5'000'000'000;

Moment moment(std::uint64_t number, std::int64_t delay_ns, std::int64_t start = kStart) {
  const std::int64_t time = start + static_cast<std::int64_t>(number) * kPeriod;
  return {number, time, time + delay_ns, 1, false};
}

std::vector<Pair> take_all(FramePairer& pairer) {
  std::vector<Pair> pairs;
  while (const auto pair = pairer.take()) pairs.push_back(*pair);
  return pairs;
}

std::uint64_t missing(const FramePairer& pairer, Side ring) {
  return pairer.counts().missing[static_cast<std::size_t>(ring)];
}

}  // namespace

TEST_CASE("pairer: frames of one source are paired by number, with the delay between them", "[sync]") {
  FramePairer pairer;
  for (std::uint64_t n = 0; n < 60; ++n) {
    pairer.add(Side::a, moment(n, 2 * kMs));
    if (n >= 3) pairer.add(Side::b, moment(n - 3, 122 * kMs));
  }
  const auto pairs = take_all(pairer);
  CHECK(pairer.by() == PairBy::number);
  REQUIRE(pairs.size() == 57);
  for (const Pair& pair : pairs) {
    CHECK(pair.by_number);
    CHECK(pair.a.source_number == pair.b.source_number);
    CHECK(pair.offset_ns == 120 * kMs);
  }
  CHECK(missing(pairer, Side::a) + missing(pairer, Side::b) == 0);
}

TEST_CASE("pairer: two sources are paired by time, although their numbers are the same", "[sync]") {
  FramePairer pairer;
  for (std::uint64_t n = 0; n < 50; ++n) {
    pairer.add(Side::a, moment(n, 5 * kMs));
    pairer.add(Side::b, moment(n, 30 * kMs, kStart + 7 * kMs));
  }
  const auto pairs = take_all(pairer);
  CHECK(pairer.by() == PairBy::time);
  REQUIRE(pairs.size() >= 47);
  for (const Pair& pair : pairs) {
    CHECK(pair.offset_ns == 25 * kMs);
    CHECK(pair.b.timeline_ns - pair.a.timeline_ns == 7 * kMs);
  }
  CHECK(missing(pairer, Side::a) + missing(pairer, Side::b) == 0);
}

TEST_CASE("pairer: a channel of a lower rate misses nothing, one that loses frames does", "[sync]") {
  FramePairer sparse;
  for (std::uint64_t n = 0; n < 90; ++n) {
    sparse.add(Side::a, moment(n, 0));
    if (n % 3 == 0) sparse.add(Side::b, moment(n, 50 * kMs));
  }
  CHECK(sparse.counts().pairs == 30);
  CHECK(missing(sparse, Side::a) + missing(sparse, Side::b) == 0);

  for (const bool late : {true, false}) {  // the losing ring may be the later or the earlier one
    CAPTURE(late);
    FramePairer losing;
    losing.set_period(Side::a, kPeriod);
    losing.set_period(Side::b, kPeriod);
    const Side loser = late ? Side::b : Side::a;
    for (std::uint64_t n = 0; n < 100; ++n) {
      if (n % 10 != 5) losing.add(loser, moment(n, 0));
      losing.add(other(loser), moment(n, 0));
    }
    CHECK(missing(losing, loser) == 10);
    CHECK(missing(losing, other(loser)) == 0);
    CHECK(losing.counts().pairs == 90);
  }
}

TEST_CASE("pairer: a frame missing of two sources is noticed, and one that the reader lost is not",
          "[sync]") {
  FramePairer pairer(PairBy::time);
  for (std::uint64_t n = 0; n < 60; ++n) {
    Moment b = moment(n, 0, kStart + 3 * kMs);
    b.gap_before = n == 31;
    pairer.add(Side::a, moment(n, 0));
    if (n != 20 && n != 30) pairer.add(Side::b, b);
  }
  CHECK(missing(pairer, Side::b) == 1);
  CHECK(missing(pairer, Side::a) == 0);
}

TEST_CASE("pairer: numbers that begin again pair with their own run", "[sync]") {
  FramePairer pairer;
  const std::int64_t later = kStart + 100 * kPeriod;
  // The second ring is four frames behind, so that the old run's end and the new one's beginning overlap.
  for (std::uint64_t n = 0; n < 100; ++n) {
    pairer.add(Side::a, n < 50 ? moment(n + 10, 0) : moment(n - 50, 0, later));
    if (n < 4) continue;
    const std::uint64_t m = n - 4;
    pairer.add(Side::b, m < 50 ? moment(m + 10, 160 * kMs) : moment(m - 50, 160 * kMs, later));
  }
  for (const Pair& pair : take_all(pairer)) CHECK(pair.offset_ns == 160 * kMs);
  CHECK(pairer.counts().pairs == 96);
  CHECK(pairer.counts().restarts == 2);
  CHECK(missing(pairer, Side::a) + missing(pairer, Side::b) == 0);
  CHECK(pairer.take_break());
  CHECK_FALSE(pairer.take_break());
}

TEST_CASE("pairer: a clock that jumps is counted, and pairs go on after it", "[sync]") {
  FramePairer pairer(PairBy::time);
  const std::int64_t hour = 3'600'000'000'000;
  for (std::uint64_t n = 0; n < 120; ++n) {
    Moment a = moment(n, 0), b = moment(n, 20 * kMs);
    if (n >= 40 && n < 80) a.timeline_ns += hour;  // only the first ring's clock, for a while
    pairer.add(Side::a, a);
    pairer.add(Side::b, b);
  }
  CHECK(pairer.counts().jumps == 2);
  CHECK(missing(pairer, Side::a) + missing(pairer, Side::b) == 0);
  const auto pairs = take_all(pairer);
  CHECK(pairs.size() >= 70);
  for (const Pair& pair : pairs) CHECK(pair.offset_ns == 20 * kMs);
}

TEST_CASE(
    "pairer: a channel that stalls, catches up and repeats a frame has late pairs, no jump and no restart",
    "[sync]") {
  FramePairer pairer;
  std::int64_t worst = 0;
  for (std::uint64_t n = 0; n < 200; ++n) {
    pairer.add(Side::a, moment(n, 0));
    const bool stalled = n >= 100 && n < 175;  // three seconds
    if (stalled) continue;
    if (n == 175) pairer.add(Side::b, moment(100, 75 * kPeriod));
    pairer.add(Side::b, moment(n, 10 * kMs));
    pairer.add(Side::b, moment(n, 20 * kMs));
  }
  for (const Pair& pair : take_all(pairer)) worst = std::max(worst, pair.offset_ns);
  CHECK(worst == 75 * kPeriod);
  CHECK(pairer.counts().pairs == 126);
  CHECK(pairer.counts().jumps == 0);
  CHECK(pairer.counts().restarts == 0);
  CHECK_FALSE(pairer.take_break());
}

TEST_CASE("pairer: by number only, when told so, times may say what they like", "[sync]") {
  FramePairer pairer(PairBy::number);
  for (std::uint64_t n = 0; n < 80; ++n) {
    Moment b = moment(n % 40, 70 * kMs, n < 40 ? kStart : kStart + 40 * kPeriod);
    Moment a = b;
    a.published_ns -= 70 * kMs;
    b.timeline_ns = b.published_ns;
    pairer.add(Side::a, a);
    pairer.add(Side::b, b);
  }
  CHECK(pairer.counts().pairs == 80);
  for (const Pair& pair : take_all(pairer)) CHECK(pair.offset_ns == 70 * kMs);
}

TEST_CASE("pairer: rings of different times have no pairs, and it is known how far they are apart",
          "[sync]") {
  FramePairer pairer;
  CHECK_FALSE(pairer.apart_ns());
  for (std::uint64_t n = 0; n < 3000; ++n) {
    pairer.add(Side::a, moment(n, 0));
    pairer.add(Side::b, moment(n, 0, kStart + 3'600'000'000'000));
  }
  CHECK(pairer.counts().pairs == 0);
  CHECK(missing(pairer, Side::a) + missing(pairer, Side::b) == 0);
  CHECK(pairer.apart_ns() == 3'600'000'000'000);
}

TEST_CASE("pairer: a source that is exchanged for another is paired by time from then on", "[sync]") {
  FramePairer pairer;
  for (std::uint64_t n = 0; n < 1200; ++n) {
    pairer.add(Side::a, moment(n, 0));
    pairer.add(Side::b, n < 100 ? moment(n, 10 * kMs) : moment(n, 10 * kMs, kStart + 9 * kMs));
  }
  CHECK(pairer.by() == PairBy::time);
  CHECK(pairer.counts().pairs > 900);
}
