#include "inbox.h"

#include <thread>

#include "catch.h"

using camring::net::Loop;
using camring::rtspserve::Inbox;

TEST_CASE("inbox: what several threads put in comes out in each one's order, and all of it") {
  constexpr int kThreads = 4, kEach = 20'000;
  Loop loop;
  std::vector<int> next(kThreads, 0);
  int taken = 0, wrong = 0;
  Inbox<std::pair<int, int>> inbox(loop, [&](const std::vector<std::pair<int, int>>& items, bool) {
    wrong += items.empty() ? 1 : 0;
    for (const auto& [thread, number] : items) {
      wrong += number != next[static_cast<std::size_t>(thread)];
      next[static_cast<std::size_t>(thread)] = number + 1;
    }
    taken += static_cast<int>(items.size());
    if (taken == kThreads * kEach) loop.stop();
  });
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&inbox, thread] {
      for (int number = 0; number < kEach; ++number) inbox.push({thread, number});
    });
  }
  loop.run();
  for (std::thread& thread : threads) thread.join();
  CHECK(taken == kThreads * kEach);
  CHECK(wrong == 0);
}

TEST_CASE("inbox: what is put in before the loop runs waits for it, and what takes things may put in more") {
  Loop loop;
  std::vector<int> taken;
  Inbox<int>* self = nullptr;
  Inbox<int> inbox(loop, [&](const std::vector<int>& items, bool) {
    for (const int item : items) {
      taken.push_back(item);
      if (item < 5) self->push(item + 10);
      if (item == 14) loop.stop();
    }
  });
  self = &inbox;
  for (int i = 1; i < 5; ++i) inbox.push(i);
  loop.run();
  CHECK(taken == std::vector<int>{1, 2, 3, 4, 11, 12, 13, 14});
}

TEST_CASE("inbox: what is too much is refused, and the loop is told") {
  Loop loop;
  std::vector<int> taken;
  std::vector<bool> told;
  Inbox<int>* self = nullptr;
  Inbox<int> inbox(loop, [&](const std::vector<int>& items, bool refused) {
    taken.insert(taken.end(), items.begin(), items.end());
    told.push_back(refused);
    if (told.size() == 2) return loop.stop();
    CHECK(self->push(4, 2));
    CHECK(self->push(5, 2));
  });
  self = &inbox;
  CHECK(inbox.push(1, 2));
  CHECK(inbox.push(2, 2));
  CHECK_FALSE(inbox.push(3, 2));
  CHECK(inbox.push(9));  // without a bound
  loop.run();
  CHECK(taken == std::vector<int>{1, 2, 9, 4, 5});
  CHECK(told == std::vector<bool>{true, false});
}
