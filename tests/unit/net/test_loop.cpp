#include <atomic>
#include <boost/asio/steady_timer.hpp>
#include <exception>
#include <functional>
#include <stdexcept>
#include <thread>
#include <vector>

#include "catch.h"
#include "net/loop.h"

using camring::net::Loop;
using namespace std::chrono_literals;

namespace {

// A loop that goes round, and whose thread has nothing to do.
struct Running {
  Loop loop;
  std::thread thread{[this] { loop.run(); }};
  Running() {
    std::atomic<bool> round{false};
    loop.post([&] { round = true; });
    while (!round) std::this_thread::yield();
  }
  ~Running() {
    loop.stop();
    thread.join();
  }
};

}  // namespace

TEST_CASE("loop: who enters does its task itself, where nobody has the turn") {
  Running running;
  std::thread::id by;
  // The handler that the constructor waited for may be about to give its turn back.
  for (int tries = 0; by != std::this_thread::get_id() && tries < 1000; ++tries) {
    std::atomic<bool> done{false};
    running.loop.enter([&] {
      by = std::this_thread::get_id();
      done = true;
    });
    while (!done) std::this_thread::yield();
  }
  CHECK(by == std::this_thread::get_id());
  CHECK_FALSE(running.loop.here());
}

TEST_CASE("loop: who enters while another has the turn does not wait") {
  Running running;
  std::atomic<bool> has_turn{false}, give_back{false}, entered{false};
  std::thread::id by;
  running.loop.post([&] {
    has_turn = true;
    while (!give_back) std::this_thread::yield();
  });
  while (!has_turn) std::this_thread::yield();
  running.loop.enter([&] {
    by = std::this_thread::get_id();
    entered = true;
  });
  CHECK_FALSE(entered);
  give_back = true;
  while (!entered) std::this_thread::yield();
  CHECK(by == running.thread.get_id());
}

TEST_CASE("loop: a task entered from within the turn comes after it") {
  Running running;
  std::vector<int> order;
  std::atomic<bool> done{false};
  const auto nested = [&] {
    order.push_back(1);
    running.loop.enter([&] {
      order.push_back(3);
      done = true;
    });
    order.push_back(2);
  };
  SECTION("of the loop's thread") { running.loop.post(nested); }
  SECTION("of another thread") { running.loop.enter(nested); }
  while (!done) std::this_thread::yield();
  CHECK(order == std::vector<int>{1, 2, 3});
}

TEST_CASE("loop: before and after it goes round tasks wait") {
  Loop loop;
  int done = 0;
  loop.enter([&] { ++done; });
  CHECK(done == 0);
  loop.post([&] { loop.stop(); });
  loop.run();
  CHECK(done == 1);
  loop.enter([&] { ++done; });
  CHECK(done == 1);
}

TEST_CASE("loop: handlers and the tasks of many threads take turns") {
  constexpr int kThreads = 4, kEach = 5000;
  Running running;
  std::uint64_t counted = 0;  // not atomic: that is what the turn is for
  bool inside = false;
  std::atomic<int> done{0}, together{0};
  const auto task = [&] {
    together += inside ? 1 : 0;
    inside = true;
    ++counted;
    inside = false;
    ++done;
  };
  boost::asio::steady_timer timer(running.loop.context());
  int ticks = 0;
  const std::function<void()> tick = [&] {
    timer.expires_after(100us);
    timer.async_wait(running.loop.in_turn([&](boost::system::error_code error) {
      if (error) return;
      task();
      if (++ticks < 50) tick();
    }));
  };
  running.loop.post(tick);
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < kEach; ++k) running.loop.enter(task);
    });
  }
  for (std::thread& thread : threads) thread.join();
  while (done < kThreads * kEach + 50) std::this_thread::yield();
  CHECK(counted == kThreads * kEach + 50);
  CHECK(together == 0);
}

TEST_CASE("loop: what a task of another thread throws comes out of run(), and nobody enters any more") {
  Loop loop;
  std::exception_ptr thrown;
  std::thread thread([&] {
    try {
      loop.run();
    } catch (const std::runtime_error&) {
      thrown = std::current_exception();
    }
  });
  std::atomic<bool> round{false};
  loop.post([&] { round = true; });
  while (!round) std::this_thread::yield();
  CHECK_NOTHROW(loop.enter([] { throw std::runtime_error("a task"); }));
  thread.join();
  CHECK(thrown != nullptr);
  bool entered = false;
  loop.enter([&] { entered = true; });
  CHECK_FALSE(entered);
}

TEST_CASE("loop: after a task that took long the loop's thread has the next ones, until they are short") {
  Running running;
  const auto by = [&](std::chrono::milliseconds duration) {
    std::atomic<bool> done{false};
    std::thread::id id;
    running.loop.enter([&] {
      std::this_thread::sleep_for(duration);
      id = std::this_thread::get_id();
      done = true;
    });
    while (!done) std::this_thread::yield();
    return id;
  };
  by(20ms);
  CHECK(by(20ms) == running.thread.get_id());
  CHECK(by(0ms) == running.thread.get_id());
  // Short ones are this thread's again; where the machine stops one for long, a later one.
  std::thread::id last;
  for (int tries = 0; last != std::this_thread::get_id() && tries < 1000; ++tries) last = by(0ms);
  CHECK(last == std::this_thread::get_id());
}
