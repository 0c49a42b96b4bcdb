#include <atomic>
#include <stdexcept>

#include "catch.h"
#include "workers.h"

using namespace camring::shmpub;

namespace {

struct Counting final : Job {
  void run() override {
    ++runs;
    if (next != nullptr) workers->post(*next);
    if (fail) throw std::runtime_error("on purpose");
  }
  std::atomic<int> runs{0};
  Workers* workers = nullptr;
  Job* next = nullptr;
  bool fail = false;
};

}  // namespace

TEST_CASE("workers: all jobs are done when wait returns, those that jobs post included") {
  for (const std::size_t threads : {0u, 1u, 3u}) {
    Workers workers(threads);
    Counting first, second, third, chained;
    first.workers = &workers;
    first.next = &chained;
    for (int round = 1; round <= 500; ++round) {
      workers.post(first);
      workers.post(second);
      workers.post(third);
      workers.wait();
      REQUIRE(first.runs == round);
      REQUIRE(second.runs == round);
      REQUIRE(third.runs == round);
      REQUIRE(chained.runs == round);
    }
  }
}

TEST_CASE("workers: a job's exception comes out of wait after all are done, once") {
  Workers workers(2);
  Counting bad, good;
  bad.fail = true;
  workers.post(bad);
  workers.post(good);
  CHECK_THROWS_WITH(workers.wait(), "on purpose");
  CHECK(good.runs == 1);
  workers.wait();
}

TEST_CASE("workers: jobs that wait for jobs of their own never wait for each other") {
  struct Sharing final : Job {
    void run() override {
      Job* const parts[] = {&a, &b, &c};
      workers->run_all(parts);
      ++rounds;
      for (const Counting* part : {&a, &b, &c}) wrong += part->runs != rounds;
    }
    Counting a, b, c;
    int wrong = 0;
    int rounds = 0;
    Workers* workers = nullptr;
  };
  for (const std::size_t threads : {0u, 1u, 3u}) {
    Workers workers(threads);
    Sharing first, second, third;
    for (Sharing* one : {&first, &second, &third}) one->workers = &workers;
    for (int round = 1; round <= 300; ++round) {
      workers.post(first);
      workers.post(second);
      workers.post(third);
      workers.wait();
      REQUIRE(first.rounds == round);
      REQUIRE(second.rounds == round);
      REQUIRE(third.rounds == round);
    }
    CHECK(first.wrong + second.wrong + third.wrong == 0);
  }
}
