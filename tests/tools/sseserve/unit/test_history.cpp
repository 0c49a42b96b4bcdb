#include "catch.h"
#include "history.h"

using namespace camring;
using namespace camring::sseserve;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

// Of 2000 bytes in all.
UnitPtr make(std::uint64_t sequence, bool key, std::int64_t at_ns) {
  auto chunk = std::make_shared<net::Chunk>();
  chunk->body = std::make_shared<const std::vector<std::uint8_t>>(1000);
  auto unit = std::make_shared<Unit>();
  unit->sequence = sequence;
  unit->key = key;
  unit->available_ns = at_ns;
  unit->event = unit->bytes = chunk;
  return unit;
}

}  // namespace

TEST_CASE("history: whole groups go, and what is kept begins with a keyframe") {
  History history;
  for (std::uint64_t i = 0; i < 300; ++i)
    CHECK(history.push(make(i, i % 10 == 0, static_cast<std::int64_t>(i) * kSecond / 10)));
  const auto& units = history.units();
  CHECK(units.front()->key);
  CHECK(units.back()->sequence == 299);
  // Ten seconds, and no more of a group than they need.
  CHECK(units.size() >= 91);
  CHECK(units.size() <= 101);
  for (std::size_t i = 1; i < units.size(); ++i) CHECK(units[i]->sequence == units[i - 1]->sequence + 1);
}

TEST_CASE("history: a group that does not end is kept whole, but not for ever") {
  History history({10 * kSecond, 50'000, 200'000});
  bool can_start = true;
  std::uint64_t i = 0;
  for (; i < 100; ++i) can_start = history.push(make(i, i == 0, static_cast<std::int64_t>(i) * kSecond));
  CHECK(can_start);
  CHECK(history.units().size() == 100);
  for (; i < 1000; ++i) can_start = history.push(make(i, false, static_cast<std::int64_t>(i) * kSecond));
  CHECK_FALSE(can_start);
  CHECK(history.units().size() == 100);
  CHECK(history.units().back()->sequence == 999);
  CHECK(history.push(make(1000, true, 1000 * kSecond)));
  CHECK(history.push(make(1001, false, 1001 * kSecond)));
  CHECK(history.units().size() == 2);
}

TEST_CASE("history: one unit that is larger than all is kept") {
  History history({kSecond, 10, 100});
  CHECK(history.push(make(0, true, 0)));
  CHECK(history.push(make(1, true, 1)));
  CHECK(history.units().size() == 1);
  CHECK(history.units().front()->sequence == 1);
}
