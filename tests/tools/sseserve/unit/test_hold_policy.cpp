#include "catch.h"
#include "hold_policy.h"

using namespace camring::sseserve;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kMs = 1'000'000;

void judge(HoldPolicy& policy, int pairs, std::int64_t offset_ms, std::int64_t expected_ms) {
  for (int i = 0; i < pairs; ++i) policy.judge(offset_ms * kMs, expected_ms * kMs);
}

}  // namespace

TEST_CASE(
    "hold: so many pairs in a row that no hold would match end it, as many that one would bring it back") {
  HoldPolicy policy(SyncMode::hold, 50ms, 5);
  judge(policy, 100, 170, 120);
  CHECK(policy.mode() == SyncMode::hold);
  judge(policy, 4, 171, 120);
  judge(policy, 1, 120, 120);  // not in a row
  judge(policy, 4, 69, 120);
  CHECK(policy.mode() == SyncMode::hold);
  judge(policy, 1, 400, 120);
  CHECK(policy.mode() == SyncMode::best);
  CHECK(policy.fallen());
  judge(policy, 4, 120, 120);
  judge(policy, 1, 300, 120);
  judge(policy, 4, 120, 120);
  CHECK(policy.fallen());
  judge(policy, 1, 120, 120);
  CHECK(policy.mode() == SyncMode::hold);
  CHECK_FALSE(policy.fallen());
}

TEST_CASE("hold: a channel that is late beyond what is held for, or early, can't be matched") {
  HoldPolicy late(SyncMode::hold, 50ms, 5), early(SyncMode::hold, 50ms, 5), edge(SyncMode::hold, 50ms, 5);
  judge(late, 5, 3051, 3051);
  CHECK(late.fallen());
  judge(early, 5, -51, -51);
  CHECK(early.fallen());
  judge(edge, 50, 3050, 3050);
  judge(edge, 50, -50, -50);
  CHECK_FALSE(edge.fallen());
}

TEST_CASE("hold: a run that a restart cut says nothing, and a restart decides nothing") {
  HoldPolicy policy(SyncMode::hold, 50ms, 3);
  judge(policy, 2, 400, 120);
  policy.restart();
  judge(policy, 2, 400, 120);
  CHECK_FALSE(policy.fallen());
  judge(policy, 1, 400, 120);
  policy.restart();
  CHECK(policy.fallen());
}

TEST_CASE("hold: each mode holds as long as it says") {
  HoldPolicy hold(SyncMode::hold, 50ms, 1), best(SyncMode::best, 50ms, 1), none(SyncMode::none, 50ms, 1);
  CHECK(hold.hold_ns(120 * kMs) == 120 * kMs);
  CHECK(hold.hold_ns(30 * kMs) == 30 * kMs);
  CHECK(best.hold_ns(30 * kMs) == 30 * kMs);
  CHECK(best.hold_ns(90 * kMs) == 50 * kMs);
  CHECK(best.hold_ns(120 * kMs) == 0);  // would bring nothing within the tolerance
  CHECK(none.hold_ns(30 * kMs) == 0);
  judge(hold, 1, 500, 120);
  CHECK(hold.hold_ns(500 * kMs) == 0);
  CHECK(hold.hold_ns(90 * kMs) == 50 * kMs);
  // What was ordered lower never falls.
  judge(best, 9, 500, 120);
  judge(none, 9, 500, 120);
  CHECK_FALSE(best.fallen());
  CHECK(none.mode() == SyncMode::none);
}
