#include <string>
#include <vector>

#include "catch.h"
#include "net/cursor.h"

using namespace camring::net;
using namespace std::chrono_literals;

namespace {

constexpr std::int64_t kMs = 1'000'000;

SharedBytes bytes(const std::string& text) {
  return std::make_shared<const std::vector<std::uint8_t>>(text.begin(), text.end());
}

// A channel with one client, and what its events said.
struct Client {
  std::shared_ptr<Channel> channel = std::make_shared<Channel>();
  StreamReply reply;
  std::uint64_t skipped = 0, sent = 0;
  std::vector<std::uint64_t> delivered;
  std::vector<std::size_t> delivered_bytes;
  int ended = 0;

  Client() {
    reply.channel = channel;
    reply.events = {[this](const Chunk& chunk, std::size_t size) {
                      delivered.push_back(chunk.sequence);
                      delivered_bytes.push_back(size);
                    },
                    [this](std::uint64_t count) { skipped += count; },
                    [this](std::size_t size) { sent += size; }, [this] { ++ended; }};
  }

  void publish(std::int64_t time_ns, bool counted = true) const {
    auto chunk = std::make_shared<Chunk>();
    chunk->capture_ns = chunk->available_ns = time_ns;
    chunk->counted = counted;
    chunk->head = "head ";
    chunk->body = bytes("body");
    chunk->tail = " tail";
    channel->publish(std::move(chunk));
  }
};

std::string text_of(std::span<const iovec> parts) {
  std::string text;
  for (const iovec& part : parts) text.append(static_cast<const char*>(part.iov_base), part.iov_len);
  return text;
}

// Sends all that is left of the chunk that is begun; the text of it.
std::string finish(Cursor& cursor) {
  std::string text = text_of(cursor.remaining());
  cursor.went(text.size());
  return text;
}

}  // namespace

TEST_CASE("cursor: the newest chunk is begun once") {
  Client client;
  Cursor cursor(client.reply, 500ms);
  CHECK_FALSE(cursor.begin(0));
  CHECK(cursor.fresh());
  client.publish(10 * kMs);
  REQUIRE(cursor.begin(11 * kMs));
  CHECK(cursor.sending());
  CHECK_FALSE(cursor.fresh());
  CHECK(finish(cursor) == "head body tail");
  CHECK_FALSE(cursor.sending());
  CHECK_FALSE(cursor.begin(12 * kMs));
  client.publish(20 * kMs);
  CHECK(cursor.begin(21 * kMs));
}

TEST_CASE("cursor: chunks that a slow client did not get are counted, those before it came are not") {
  Client client;
  for (int i = 0; i < 5; ++i) client.publish(i * kMs);
  Cursor cursor(client.reply, 500ms);
  REQUIRE(cursor.begin(5 * kMs));
  CHECK(client.skipped == 0);
  finish(cursor);
  for (int i = 5; i < 9; ++i) client.publish(i * kMs);
  REQUIRE(cursor.begin(9 * kMs));
  CHECK(client.skipped == 3);
  finish(cursor);
  CHECK(client.delivered == std::vector<std::uint64_t>{5, 9});
}

TEST_CASE("cursor: a chunk goes in pieces of any size, while newer ones come") {
  Client client;
  client.publish(0);
  Cursor cursor(client.reply, 500ms);
  REQUIRE(cursor.begin(0));
  const std::string whole = "head body tail";
  for (std::size_t at = 0; at < whole.size(); ++at) {
    CHECK(text_of(cursor.remaining()) == whole.substr(at));
    CHECK(client.delivered.empty());
    client.publish(static_cast<std::int64_t>(at) * kMs);
    cursor.went(1);
  }
  CHECK(client.sent == whole.size());
  CHECK(client.delivered_bytes == std::vector<std::size_t>{whole.size()});
  CHECK_FALSE(cursor.sending());
}

TEST_CASE("cursor: a chunk that has waited for longer than the lag is not begun") {
  Client client;
  client.publish(0);
  Cursor cursor(client.reply, 500ms);
  CHECK_FALSE(cursor.begin(501 * kMs));
  CHECK(cursor.begin(500 * kMs));
  finish(cursor);
  client.publish(1000 * kMs);
  CHECK_FALSE(cursor.begin(1501 * kMs));
  client.publish(1600 * kMs);
  CHECK(cursor.begin(1601 * kMs));
  CHECK(client.skipped == 1);
}

TEST_CASE("cursor: who has just come gets an older picture, and only the first") {
  Client client;
  client.reply.first_max_age = 3s;
  client.publish(0);
  Cursor cursor(client.reply, 500ms);
  CHECK_FALSE(cursor.begin(3001 * kMs));
  REQUIRE(cursor.begin(2900 * kMs));
  finish(cursor);
  client.publish(3000 * kMs);
  CHECK_FALSE(cursor.begin(3501 * kMs));
}

TEST_CASE("cursor: a notice has no age and is thinned by no rate") {
  Client client;
  client.reply.min_interval = 1s;
  client.publish(0);
  Cursor cursor(client.reply, 500ms);
  REQUIRE(cursor.begin(0));
  finish(cursor);
  client.publish(10 * kMs, false);
  CHECK(cursor.begin(10'000 * kMs));
}

TEST_CASE("cursor: a rate thins evenly, counts nothing as missed and has the right mean") {
  Client client;
  client.reply.min_interval = 100ms;
  Cursor cursor(client.reply, 500ms);
  int begun = 0;
  for (int frame = 0; frame < 300; ++frame) {  // 10 s of 30 frames a second
    const std::int64_t time = 1'000'000'000 + frame * 1'000'000'000LL / 30;
    client.publish(time);
    if (!cursor.begin(time)) continue;
    ++begun;
    finish(cursor);
  }
  CHECK(begun >= 99);
  CHECK(begun <= 101);
  CHECK(client.skipped == 0);
}

TEST_CASE("cursor: after a pause a rate makes up for nothing") {
  Client client;
  client.reply.min_interval = 100ms;
  Cursor cursor(client.reply, 500ms);
  client.publish(1000 * kMs);
  REQUIRE(cursor.begin(1000 * kMs));
  finish(cursor);
  int begun = 0;
  for (int frame = 0; frame < 30; ++frame) {  // ten seconds later, 1 s of 30 frames a second
    const std::int64_t time = 11'000 * kMs + frame * 1'000'000'000LL / 30;
    client.publish(time);
    if (!cursor.begin(time)) continue;
    ++begun;
    finish(cursor);
  }
  CHECK(begun >= 10);
  CHECK(begun <= 11);
}

TEST_CASE("cursor: with framing of its own a client gets neither a chunk's head nor its tail") {
  Client client;
  client.reply.framing = Framing{"once", " between"};
  client.publish(0);
  Cursor cursor(client.reply, 500ms);
  REQUIRE(cursor.begin(0));
  CHECK(finish(cursor) == "body between");
}

TEST_CASE("cursor: a chunk without a body is its head and tail") {
  Client client;
  auto chunk = std::make_shared<Chunk>();
  chunk->head = "a";
  chunk->tail = "b";
  client.channel->publish(std::move(chunk));
  Cursor cursor(client.reply, 500ms);
  REQUIRE(cursor.begin(0));
  CHECK(finish(cursor) == "ab");
}

TEST_CASE("cursor: its end is told once, however it ends, and what is being written stays") {
  Client client;
  {
    client.publish(0);
    Cursor cursor(client.reply, 500ms);
    REQUIRE(cursor.begin(0));
    cursor.end();
    client.publish(1);
    CHECK(text_of(cursor.remaining()) == "head body tail");
    cursor.end();
    CHECK(client.ended == 1);
  }
  CHECK(client.ended == 1);
}
