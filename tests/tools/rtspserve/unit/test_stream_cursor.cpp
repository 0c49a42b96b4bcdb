#include "catch.h"
#include "stream_cursor.h"

using namespace camring;
using namespace camring::rtspserve;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kMs = 1'000'000;

struct Stream {
  explicit Stream(std::chrono::nanoseconds max_lag = 500ms) : cursor(store, max_lag) {}
  void push(std::int64_t at_ms, bool keyframe) {
    auto block = std::make_shared<rtp::PacketBlock>();
    block->bytes.resize(100);
    block->keyframe = keyframe;
    block->available_ns = at_ms * kMs;
    store.push(block, at_ms * kMs);
  }
  // The sequence of the block that is given out; 0: none.
  std::uint64_t take(std::int64_t at_ms) {
    const rtp::BlockPtr* block = cursor.take(at_ms * kMs);
    return block == nullptr ? 0 : (*block)->sequence;
  }
  BlockStore store{1s};
  StreamCursor cursor;
};

}  // namespace

TEST_CASE("cursor: cached begins with the newest keyframe and goes on in order") {
  Stream stream;
  for (int i = 0; i < 10; ++i) stream.push(i * 40, i % 4 == 0);  // keyframes are 1, 5, 9
  stream.cursor.start_cached(400 * kMs);
  CHECK(stream.take(400) == 9);
  CHECK(stream.take(400) == 10);
  CHECK(stream.take(400) == 0);
  stream.push(440, false);
  CHECK(stream.take(440) == 11);
  CHECK(stream.cursor.skipped() == 0);
}

TEST_CASE("cursor: live waits for a keyframe") {
  Stream stream;
  stream.push(0, true);
  stream.cursor.start_live(10 * kMs);
  stream.push(40, false);
  CHECK(stream.take(40) == 0);
  CHECK(stream.cursor.awaits_keyframe());
  stream.push(80, true);
  CHECK(stream.take(80) == 3);
}

TEST_CASE("cursor: a group older than the bound is still given to who has just come") {
  Stream stream;
  stream.push(0, true);
  for (int i = 1; i < 50; ++i) stream.push(i * 40, false);  // two seconds
  stream.cursor.start_cached(2000 * kMs);
  for (std::uint64_t i = 1; i <= 50; ++i) CHECK(stream.take(2000) == i);
  CHECK(stream.cursor.skipped() == 0);
}

TEST_CASE("cursor: who is behind goes on with the newest keyframe, or the next") {
  Stream stream;
  stream.push(0, true);
  stream.cursor.start_cached(0);
  CHECK(stream.take(0) == 1);
  for (int i = 1; i < 20; ++i) stream.push(i * 40, i == 18);
  // 800 ms without taking anything: 2 has waited for too long, 19 is the newest keyframe.
  CHECK(stream.take(800) == 19);
  CHECK(stream.cursor.skipped() == 17);
  CHECK(stream.take(800) == 20);
  for (int i = 20; i < 40; ++i) stream.push(i * 40, false);
  CHECK(stream.take(1600 + 500) == 0);  // all too old, and no keyframe among them
  CHECK(stream.cursor.awaits_keyframe());
  stream.push(2120, false);
  CHECK(stream.take(2120) == 0);
  stream.push(2160, true);
  CHECK(stream.take(2160) == 42);
}

TEST_CASE("store: what precedes the newest keyframe stays for a while, then goes") {
  Stream stream;
  for (int i = 0; i < 10; ++i) stream.push(i * 100, i % 5 == 0);
  CHECK(stream.store.first() == 1);
  CHECK(stream.store.keyframe() == 6);
  stream.push(1550, false);
  CHECK(stream.store.first() == 6);  // of the group in force nothing goes
  CHECK(stream.store.find(5) == nullptr);
  CHECK(stream.store.find(11) != nullptr);
  CHECK(stream.store.find(12) == nullptr);
}

TEST_CASE("store: a stream without keyframes does not grow for ever") {
  Stream stream;
  for (int i = 0; i < 5000; ++i) stream.push(i * 40, i == 0);
  CHECK(stream.store.next() - stream.store.first() <= 1024);
  CHECK(stream.store.keyframe() == stream.store.next());
  stream.cursor.start_cached(200'000 * kMs);
  CHECK(stream.take(200'000) == 0);
}

TEST_CASE(
    "cursor: the newest is given to who has all before it, has begun and does not lag; nothing else is") {
  Stream stream;
  stream.push(0, true);
  stream.cursor.start_cached(0);
  CHECK_FALSE(
      stream.cursor.take_newest(**stream.store.newest(), 0));  // awaits its keyframe, which take() knows
  CHECK(stream.take(0) == 1);
  stream.push(40, false);
  CHECK(stream.cursor.take_newest(**stream.store.newest(), 40 * kMs));
  CHECK_FALSE(stream.cursor.take_newest(**stream.store.newest(), 40 * kMs));  // had it
  CHECK(stream.take(40) == 0);
  stream.push(80, false);
  stream.push(120, false);
  CHECK_FALSE(stream.cursor.take_newest(**stream.store.newest(), 120 * kMs));  // the one before is missing
  CHECK(stream.take(120) == 3);
  CHECK_FALSE(stream.cursor.take_newest(**stream.store.newest(), 621 * kMs));  // too old by now
  CHECK(stream.cursor.take_newest(**stream.store.newest(), 620 * kMs));
  CHECK(stream.cursor.skipped() == 0);
}
