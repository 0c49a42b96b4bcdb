#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "base/clock.h"
#include "catch.h"
#include "delay_line.h"

using namespace camring;
using namespace camring::shmpub;
using namespace std::chrono_literals;

namespace {

constexpr auto kWatchdog = 30s;

// What came out, and when.
class Outcome {
 public:
  struct One {
    Held::What what;
    std::int64_t at_ns, due_ns;
    std::uint64_t number;
    std::vector<std::uint8_t> bytes;
    std::string metadata;
  };
  void operator()(const Held& held) {
    const std::lock_guard lock(mutex_);
    all_.push_back({held.what, monotonic_ns(), held.due_ns, held.info.source_number.value_or(0),
                    held.bytes ? *held.bytes : std::vector<std::uint8_t>{}, std::string(held.info.metadata)});
    more_.notify_all();
    if (throws) throw std::runtime_error("on purpose");
  }
  std::vector<One> wait(std::size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(more_.wait_for(lock, kWatchdog, [&] { return all_.size() >= count; }));
    return all_;
  }
  std::size_t count() {
    const std::lock_guard lock(mutex_);
    return all_.size();
  }
  bool throws = false;

 private:
  std::mutex mutex_;
  std::condition_variable more_;
  std::vector<One> all_;
};

void put(DelayLine& line, std::uint64_t number, std::int64_t published_ns, std::size_t bytes = 8) {
  const auto room = line.claim(bytes);
  REQUIRE(room.size() == bytes);
  std::fill(room.begin(), room.end(), static_cast<std::uint8_t>(number));
  CommitInfo info;
  info.source_number = number;
  const std::string metadata = "{\"n\":" + std::to_string(number) + "}";
  info.metadata = metadata;
  line.commit(bytes, info, published_ns);
}

template <class Call>
std::string thrown(Call call) {
  try {
    call();
  } catch (const std::exception& error) {
    return error.what();
  }
  return {};
}

}  // namespace

TEST_CASE("delay line: a frame comes out when the source's was published plus the delay, whole, in order") {
  Outcome outcome;
  DelayLine line("ring", 60ms, std::ref(outcome));
  const std::int64_t now = monotonic_ns();
  for (std::uint64_t n = 0; n < 5; ++n)
    put(line, n, now - 40'000'000 + static_cast<std::int64_t>(n) * 7'000'000, 100 + n);
  REQUIRE(line.held_until() >= now + 20'000'000);
  const auto all = outcome.wait(5);
  for (std::uint64_t n = 0; n < 5; ++n) {
    CHECK(all[n].number == n);
    CHECK(all[n].due_ns == now + 20'000'000 + static_cast<std::int64_t>(n) * 7'000'000);
    CHECK(all[n].at_ns >= all[n].due_ns);
    CHECK(all[n].bytes == std::vector<std::uint8_t>(100 + n, static_cast<std::uint8_t>(n)));
    CHECK(all[n].metadata == "{\"n\":" + std::to_string(n) + "}");
  }
}

TEST_CASE("delay line: what was made too late comes out at once, but never before what went in ahead of it") {
  Outcome outcome;
  DelayLine line("ring", 50ms, std::ref(outcome));
  const std::int64_t now = monotonic_ns();
  put(line, 0, now);
  put(line, 1, now - 10'000'000'000);
  auto all = outcome.wait(2);
  CHECK(all[0].number == 0);
  CHECK(all[1].due_ns == all[0].due_ns);
  put(line, 2, now - 10'000'000'000);
  all = outcome.wait(3);
  CHECK(all[2].due_ns <= monotonic_ns());
}

TEST_CASE("delay line: a source whose clock runs ahead holds nothing for longer than the delay") {
  Outcome outcome;
  DelayLine line("ring", 20ms, std::ref(outcome));
  put(line, 0, monotonic_ns() + 3'600'000'000'000);
  const auto all = outcome.wait(1);
  CHECK(all[0].due_ns <= monotonic_ns());
}

TEST_CASE("delay line: formats and the word that no signal comes keep their place between frames") {
  Outcome outcome;
  DelayLine line("ring", 30ms, std::ref(outcome));
  put(line, 0, monotonic_ns());
  line.change(coded_format(Codec::mjpeg, {64, 64}, {30, 1}));
  put(line, 1, monotonic_ns());
  line.no_signal();
  line.no_signal();  // said again while it waits: once is enough
  const auto all = outcome.wait(4);
  CHECK(all[0].what == Held::What::frame);
  CHECK(all[1].what == Held::What::format);
  CHECK(all[2].what == Held::What::frame);
  CHECK(all[3].what == Held::What::no_signal);
  while (line.held_until()) std::this_thread::yield();
  CHECK(outcome.count() == 4);
}

TEST_CASE("delay line: memory is bounded: the oldest come out before their time, and none is lost") {
  Outcome outcome;
  DelayLine line("ring", 10s, std::ref(outcome), 10'000);
  for (std::uint64_t n = 0; n < 25; ++n) put(line, n, monotonic_ns(), 1000);
  auto all = outcome.wait(15);
  for (std::uint64_t n = 0; n < all.size(); ++n) {
    CHECK(all[n].number == n);
    CHECK(all[n].at_ns < all[n].due_ns);
  }
  for (std::uint64_t n = 0; n < DelayLine::kMaxFrames + 10; ++n) put(line, 25 + n, monotonic_ns(), 1);
  all = outcome.wait(35);
  for (std::uint64_t n = 0; n < all.size(); ++n) CHECK(all[n].number == n);
}

TEST_CASE("delay line: what was committed may be read until the next claim, though it has come out") {
  Outcome outcome;
  DelayLine line("ring", 1us, std::ref(outcome));
  const auto first = line.claim(1000);
  std::fill(first.begin(), first.end(), std::uint8_t{7});
  line.commit(1000, {}, monotonic_ns());
  (void)outcome.wait(1);
  CHECK(std::count(first.begin(), first.end(), std::uint8_t{7}) == 1000);
}

TEST_CASE("delay line: it ends at once with frames held, and what releasing throws is told") {
  Outcome outcome;
  {
    DelayLine line("ring", 10s, std::ref(outcome));
    put(line, 0, monotonic_ns());
  }
  CHECK(outcome.count() == 0);

  outcome.throws = true;
  DelayLine line("ring", 1ms, std::ref(outcome));
  put(line, 0, monotonic_ns());
  (void)outcome.wait(1);
  std::string said;
  while (said.empty()) said = thrown([&] { (void)line.held_until(); });
  CHECK(said == "on purpose");
  CHECK(thrown([&] { put(line, 1, monotonic_ns()); }) == "on purpose");
  line.no_signal();
  CHECK(outcome.count() == 1);
}
