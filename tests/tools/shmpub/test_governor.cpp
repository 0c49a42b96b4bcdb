#include "governor.h"

#include <unistd.h>

#include <fstream>

#include "catch.h"

using namespace camring::shmpub;

namespace {

// Lets a governor see one kind of second after the other and plays what its steps do.
struct Room {
  Governor governor;
  std::int64_t now_ns = 1'000'000'000'000;
  std::vector<OutputLoad> outputs;
  std::vector<QualityStep> steps;

  explicit Room(std::vector<OutputLoad> all) : outputs(std::move(all)) {}
  void seconds(int count, const MachineLoad& load) {
    for (int i = 0; i < count; ++i) {
      now_ns += 1'000'000'000;
      if (auto step = governor.judge(now_ns, load, outputs)) {
        outputs[step->output].level = step->level;
        steps.push_back(*step);
      }
    }
  }
};

OutputLoad encoded(double busy) { return {0, 6, false, busy, 0, 0}; }
OutputLoad raw() { return {0, 2, true, 0, 0, 0}; }

const MachineLoad kCalm{0.3, 0, 2.0}, kBusy{0.97, 0, 20.0}, kBetween{0.75, 0, 25.0};

}  // namespace

TEST_CASE("governor: one bad second is an accident, two are a step, and it must show before the next") {
  Room room({encoded(0.5)});
  room.seconds(1, kBusy);
  room.seconds(3, kCalm);
  CHECK(room.steps.empty());
  room.seconds(2, kBusy);
  REQUIRE(room.steps.size() == 1);
  CHECK(room.steps[0].level == 1);
  CHECK(room.steps[0].reason == "frames take 97% of the time they have");
  room.seconds(1, kBusy);
  CHECK(room.steps.size() == 1);
  room.seconds(1, kBusy);
  CHECK(room.steps.size() == 2);
}

TEST_CASE("governor: every kind of overload is told by its name") {
  const std::vector<std::pair<MachineLoad, std::string>> kinds{
      {{0.5, 0.1, 0.0}, "10% of the source's frames were missed"},
      {{0.95, 0, std::nullopt}, "frames take 95% of the time they have"},
      {{0.5, 0, 60.0}, "tasks wait for a CPU 60% of the time"}};
  for (const auto& [load, reason] : kinds) {
    Room room({encoded(0.1)});
    room.seconds(2, load);
    REQUIRE(room.steps.size() == 1);
    CHECK(room.steps[0].reason == reason);
  }
}

TEST_CASE(
    "governor: the dearest encoder goes first, all take part, raw analysis is last and first to come back") {
  Room room({raw(), encoded(0.2), encoded(0.6)});
  room.seconds(60, kBusy);
  REQUIRE(room.steps.size() == 14);
  CHECK(room.steps[0].output == 2);
  CHECK(room.steps[1].output == 1);
  CHECK(room.steps[2].output == 2);
  for (std::size_t i = 0; i < 12; ++i) CHECK(room.steps[i].output != 0);
  CHECK(room.steps[12].output == 0);
  CHECK(room.steps[13].output == 0);
  room.steps.clear();
  room.seconds(30, kCalm);
  REQUIRE(room.steps.size() >= 2);
  CHECK(room.steps[0].output == 0);
  CHECK(room.steps[1].output == 0);
}

TEST_CASE("governor: between too much and room enough nothing changes") {
  Room room({encoded(0.5)});
  room.seconds(2, kBusy);
  CHECK(room.steps.size() == 1);
  room.seconds(600, kBetween);
  CHECK(room.steps.size() == 1);
}

TEST_CASE("governor: a step up that was wrong makes the next one wait longer, up to a bound") {
  Room room({encoded(0.5)});
  room.seconds(2, kBusy);
  std::vector<int> waits;
  for (int i = 0; i < 7; ++i) {
    const std::size_t before = room.steps.size();
    int waited = 0;
    while (room.steps.size() == before && waited < 1000) {
      room.seconds(1, kCalm);
      ++waited;
    }
    waits.push_back(waited);
    room.seconds(2, kBusy);
  }
  CHECK(waits == std::vector<int>{10, 20, 40, 80, 160, 160, 160});
  // Once all is as ordered for some time, the past is forgotten.
  room.seconds(400, kCalm);
  room.steps.clear();
  room.seconds(2, kBusy);
  room.seconds(10, kCalm);
  CHECK(room.steps.size() == 2);
}

TEST_CASE("governor: an output whose readers lose frames goes down alone") {
  Room room({encoded(0.5), encoded(0.1)});
  room.outputs[1].seen = 20;
  room.outputs[1].missed = 10;
  room.seconds(2, kCalm);
  REQUIRE(room.steps.size() == 1);
  CHECK(room.steps[0].output == 1);
  CHECK(room.steps[0].reason == "its readers lose frames");
  // Reports may miss an interval; what nobody reports now does not undo what was reported before.
  Room between({encoded(0.5)});
  for (int i = 0; i < 2; ++i) {
    between.outputs[0].seen = between.outputs[0].missed = 10;
    between.seconds(1, kCalm);
    between.outputs[0].seen = between.outputs[0].missed = 0;
    between.seconds(1, kCalm);
  }
  CHECK(between.steps.size() == 1);
}

TEST_CASE("governor: pressure is read from the kernel's file, or not at all") {
  const std::string path = "/tmp/camring-pressure-" + std::to_string(::getpid());
  std::ofstream(path) << "some avg10=12.50 avg60=3.00 avg300=1.00 total=123\nfull avg10=0.00 avg60=0.00\n";
  CHECK(cpu_pressure(path.c_str()) == 12.5);
  std::ofstream(path) << "nonsense";
  CHECK_FALSE(cpu_pressure(path.c_str()));
  ::unlink(path.c_str());
  CHECK_FALSE(cpu_pressure(path.c_str()));
}
