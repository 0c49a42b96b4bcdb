#include <cstdlib>

#include "catch.h"
#include "media_clock.h"

using namespace camring::camcap;

namespace {
constexpr std::int64_t kMs = 1'000'000, kSecond = 1000 * kMs, kNow = 5000 * kSecond;
}

TEST_CASE("media clock: a file's frames are due as its timestamps say, counted from the start") {
  MediaClock clock(MediaClock::Kind::paced);
  std::int64_t now = kNow;
  for (std::int64_t i = 0; i < 1000; ++i) {
    const auto due = clock.next(7 * kSecond + i * 40 * kMs, 0, now);
    REQUIRE(due.capture_ns == kNow + i * 40 * kMs);
    REQUIRE(due.wait.count() == due.capture_ns - now);
    REQUIRE_FALSE(due.jumped);
    now = due.capture_ns + 3 * kMs;  // each wake-up is late; that must not add up
  }
}

TEST_CASE("media clock: a file without timestamps plays at its period") {
  MediaClock clock(MediaClock::Kind::paced);
  for (std::int64_t i = 0; i < 100; ++i) {
    REQUIRE(clock.next(std::nullopt, 20 * kMs, kNow).capture_ns == kNow + i * 20 * kMs);
  }
}

TEST_CASE("media clock: a file's second turn goes on where the first ended and is marked") {
  MediaClock clock(MediaClock::Kind::paced);
  for (std::int64_t i = 0; i < 5; ++i) (void)clock.next(i * 40 * kMs, 0, kNow + i * 40 * kMs);
  clock.restart();
  const auto seam = clock.next(0, 0, kNow + 170 * kMs);
  CHECK(seam.capture_ns == kNow + 200 * kMs);
  CHECK(seam.jumped);
  CHECK_FALSE(clock.next(40 * kMs, 0, kNow + 200 * kMs).jumped);
}

TEST_CASE("media clock: a player that was stopped goes on from now; a gap in a file is not waited out") {
  MediaClock clock(MediaClock::Kind::paced);
  (void)clock.next(0, 0, kNow);
  const auto late = clock.next(40 * kMs, 0, kNow + 60 * kSecond);
  CHECK(late.capture_ns == kNow + 60 * kSecond);
  CHECK(late.jumped);
  const auto gap = clock.next(3600 * kSecond, 0, kNow + 60 * kSecond + 40 * kMs);
  CHECK(gap.wait.count() <= 0);
  CHECK(gap.jumped);
}

TEST_CASE("media clock: jitter of the network is not taken for movement") {
  MediaClock clock(MediaClock::Kind::live);
  std::srand(4);
  std::int64_t worst = 0;
  for (std::int64_t i = 0; i < 2000; ++i) {
    const std::int64_t sent = kNow + i * 40 * kMs, jitter = std::rand() % 30 * kMs;
    const auto due = clock.next(i * 40 * kMs, 0, sent + 10 * kMs + jitter);
    REQUIRE(due.capture_ns <= sent + 10 * kMs + jitter);  // never from the future
    REQUIRE(due.wait.count() == 0);
    if (i > 100) worst = std::max(worst, std::abs(due.capture_ns - (sent + 10 * kMs)));
  }
  CHECK(worst < 10 * kMs);
}

TEST_CASE("media clock: a stream whose clock drifts or jumps is followed") {
  MediaClock clock(MediaClock::Kind::live);
  for (std::int64_t i = 0; i < 10000; ++i) {  // the camera's clock is 200 ppm slow
    const std::int64_t arrived = kNow + i * 40 * kMs + i * 8000;
    const auto due = clock.next(i * 40 * kMs, 0, arrived);
    REQUIRE(arrived - due.capture_ns < 5 * kMs);
    REQUIRE_FALSE(due.jumped);
  }
  const auto jump = clock.next(9'999'999 * kSecond, 0, kNow + 500 * kSecond);
  CHECK(jump.jumped);
  CHECK(jump.capture_ns == kNow + 500 * kSecond);
}

TEST_CASE("media clock: fast files and pipes are captured when they come") {
  for (const auto kind : {MediaClock::Kind::fast, MediaClock::Kind::arrival}) {
    MediaClock clock(kind);
    for (std::int64_t i = 0; i < 10; ++i) {
      const auto due = clock.next(i * 40 * kMs, 0, kNow + i);
      CHECK(due.capture_ns == kNow + i);
      CHECK(due.wait.count() == 0);
      CHECK_FALSE(due.jumped);
    }
  }
}
