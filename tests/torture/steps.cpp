// A writer is killed after every single instruction of one publish, and at every system call of one creation,
// one change of format and one orderly end. Each time: what a reader held, gets and finds is whole or
// refused, and a new writer starts, whom the reader follows.
//   steps [publish|create|reconfigure|close]...      (all by default; 77: tracing is not permitted here)
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "payload.h"
#include "ring/ring_list.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace {

using namespace camring;
using namespace camring::torture;
using namespace std::chrono_literals;

constexpr const char* kName = "steps";
constexpr std::size_t kPayload = 600;  // bytes; copied by a handful of instructions
constexpr std::uint64_t kBefore = 29;  // more than the ring holds: the publish that is killed overwrites

constexpr std::uint64_t kFollowEvery = 16;

// An arena for six frames and an index for more: what is held is overwritten in the arena first.
RingSpec spec() {
  RingSpec ring;
  ring.name = kName;
  ring.format = coded_format(Codec::mjpeg, {64, 48}, {30, 1});
  ring.arena_bytes = 4096;
  ring.frames = 16;
  ring.writer = "steps";
  return ring;
}

void publish(RingWriter& writer) {
  std::vector<std::uint8_t> payload(kPayload);
  fill(payload, writer.next_number());
  CommitInfo info;
  info.capture_ns = 1;
  writer.publish(payload, info);
}

// What a child does: set up, then the act that is looked at.
struct Act {
  const char* name;
  bool by_instruction;  // else by system call
  bool ring_before;     // a ring with frames is there
  std::function<void(std::optional<RingWriter>&, std::span<const std::uint8_t>)> run;
};

[[noreturn]] void child(const Act& act) {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
  try {
    std::optional<RingWriter> writer;
    std::vector<std::uint8_t> payload;
    if (act.ring_before) {
      writer.emplace(spec());
      for (std::uint64_t i = 0; i < kBefore; ++i) publish(*writer);
      payload.resize(kPayload);
      fill(payload, writer->next_number());
    }
    ::raise(SIGSTOP);
    act.run(writer, payload);
    ::raise(SIGSTOP);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s: %s\n", act.name, error.what());
    ::_exit(2);
  }
  ::_exit(0);
}

// Whether the child stopped; its stop signal.
int stopped(pid_t pid) {
  int status = 0;
  if (::waitpid(pid, &status, __WALL) != pid) throw Error(ExitCode::internal, "wait", "", "failed");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 77) std::exit(77);
  if (!WIFSTOPPED(status)) throw Error(ExitCode::internal, "trace", "", "the writer ended by itself");
  return WSTOPSIG(status);
}

int failures = 0;
void must(bool right, const Act& act, std::uint64_t point, const char* what) {
  if (right) return;
  std::fprintf(stderr, "%s, killed at point %llu: %s\n", act.name, static_cast<unsigned long long>(point),
               what);
  ++failures;
}

// Everything that can be had from a reader: whole, in order, exactly accounted for.
struct Ledger {
  bool first = true;
  std::uint64_t last = 0;
};
std::uint64_t drain(RingReader& reader, Ledger& ledger, const Act& act, std::uint64_t point) {
  FrameView view;
  std::vector<std::uint8_t> bytes;
  std::uint64_t frames = 0;
  for (;;) {
    const ReadStatus status = reader.next(view, 0ns);
    if (status == ReadStatus::timeout) return frames;
    must(status != ReadStatus::corrupt, act, point, "a ring was called corrupt");
    if (status == ReadStatus::corrupt) return frames;
    if (status == ReadStatus::moved) continue;
    must(ledger.first || view.info.number == ledger.last + view.missed + 1, act, point,
         "seen and missed don't add up");
    ledger.first = false;
    ledger.last = view.info.number;
    ++frames;
    if (reader.copy(view, bytes))
      must(whole(bytes, view.info.number), act, point, "a torn frame was accepted");
  }
}

// Kills a child at its `point`-th stop within the act. False: the act was over before.
bool trial(const Act& act, std::uint64_t point) {
  const pid_t pid = ::fork();
  if (pid == 0) child(act);
  try {
    (void)stopped(pid);
  } catch (...) {
    ::kill(pid, SIGKILL);
    throw;
  }
  ::ptrace(PTRACE_SETOPTIONS, pid, nullptr, PTRACE_O_EXITKILL);

  // One reader was there before and holds the oldest frame in its hands, and one has read everything.
  RingReader before(kName, {.start = ReadStart::oldest}), holder(kName, {.start = ReadStart::oldest});
  Ledger ledger;
  (void)drain(before, ledger, act, point);
  FrameView held;
  const bool holds = holder.next(held, 0ns) == ReadStatus::frame;

  bool killed = true;
  for (std::uint64_t i = 0; i < point && killed; ++i) {
    ::ptrace(act.by_instruction ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, pid, nullptr, nullptr);
    killed = stopped(pid) == SIGTRAP;
  }
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, __WALL);

  if (holds && holder.still_valid(held)) {
    must(whole(held.payload, held.info.number), act, point,
         "a frame that was overwritten is still called valid");
  }
  (void)drain(before, ledger, act, point);
  {
    RingReader after(kName, {.start = ReadStart::oldest});
    Ledger own;
    (void)drain(after, own, act, point);
  }
  {
    RingWriter next(spec());
    publish(next);
    const std::uint64_t number = next.next_number() - 1;
    RingReader fresh(kName, {.start = ReadStart::newest});
    Ledger own;
    must(drain(fresh, own, act, point) > 0 && own.last == number, act, point,
         "the new writer's frame can't be read");
    // Readers look for a new generation ten times a second: that each of them follows is tried at some
    // points.
    if (point % kFollowEvery != 0) return killed;
    const std::int64_t deadline = monotonic_ns() + 10'000'000'000;
    while ((ledger.first || ledger.last != number) && monotonic_ns() < deadline) {
      FrameView view;
      std::vector<std::uint8_t> bytes;
      // Orderly ends begin numbers anew: there the ledger does.
      const ReadStatus status = before.next(view, 100ms);
      if (status == ReadStatus::corrupt) must(false, act, point, "the reader found the new ring corrupt");
      if (status != ReadStatus::frame) continue;
      ledger.first = false;
      ledger.last = view.info.number;
      if (before.copy(view, bytes))
        must(whole(bytes, view.info.number), act, point, "a torn frame after the takeover");
    }
    must(!ledger.first && ledger.last == number, act, point, "the reader did not follow to the new writer");
  }
  return killed;
}

std::uint64_t all_points(const Act& act, const std::string& directory) {
  std::uint64_t point = 0;
  while (failures < 10) {
    const bool killed = trial(act, point);
    if (!std::filesystem::is_empty(directory)) {
      must(false, act, point, "files are left behind after an orderly end");
      for (const auto& entry : std::filesystem::directory_iterator(directory)) {
        std::fprintf(stderr, "  %s\n", entry.path().c_str());
        std::filesystem::remove(entry.path());
      }
    }
    if (!killed) return point;
    ++point;
  }
  return point;
}

// System calls of a stretch of code in a child that set up a ring with a frame and a reader that has not read
// it.
std::uint64_t system_calls(const std::function<void(RingWriter&, RingReader&)>& stretch) {
  const pid_t pid = ::fork();
  if (pid == 0) {
    if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
    RingWriter writer(spec());
    RingReader reader(kName, {.start = ReadStart::oldest});
    publish(writer);
    ::raise(SIGSTOP);
    stretch(writer, reader);
    ::raise(SIGSTOP);
    ::_exit(0);
  }
  (void)stopped(pid);
  std::uint64_t stops = 0;
  do {
    ::ptrace(PTRACE_SYSCALL, pid, nullptr, nullptr);
    ++stops;
  } while (stopped(pid) == SIGTRAP);
  ::kill(pid, SIGKILL);
  ::waitpid(pid, nullptr, __WALL);
  (void)remove_dead_ring(kName);
  return stops / 2;  // entry and exit
}

// Reading a frame that is there, and publishing when nobody sleeps, cost no system call: counted beside
// nothing.
void count_system_calls() {
  const Act act{"system calls", false, true, {}};
  const std::uint64_t nothing = system_calls([](RingWriter&, RingReader&) {});
  const std::uint64_t reading = system_calls([](RingWriter&, RingReader& reader) {
    FrameView view;
    if (reader.next(view, 1s) != ReadStatus::frame || !reader.still_valid(view)) ::_exit(3);
  });
  const std::uint64_t publishing = system_calls([](RingWriter& writer, RingReader&) {
    CommitInfo info;
    Claim claim = writer.claim(kPayload);
    writer.commit(std::move(claim), kPayload, info);
  });
  must(reading == nothing, act, reading - nothing, "reading a frame that is there makes system calls");
  must(publishing <= nothing + 1, act, publishing - nothing,
       "publishing makes more system calls than one wake-up");
  std::printf("system calls: %llu to read a frame that is there, %llu to publish\n",
              static_cast<unsigned long long>(reading - nothing),
              static_cast<unsigned long long>(publishing - nothing));
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory = "/dev/shm/camring-steps-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  ::setenv("CAMRING_DIR", directory.c_str(), 1);
  FrameFormat other = coded_format(Codec::mjpeg, {32, 32}, {30, 1});
  const Act acts[] = {
      {"publish", true, true,
       [](auto& writer, auto payload) {
         CommitInfo info;
         info.capture_ns = 1;
         writer->publish(payload, info);
       }},
      {"create", false, false, [](auto& writer, auto) { writer.emplace(spec()); }},
      {"reconfigure", false, true, [&other](auto& writer, auto) { writer->reconfigure(other); }},
      {"close", false, true, [](auto& writer, auto) { writer->close(); }},
  };
  try {
    if (argc == 1) count_system_calls();
    for (const Act& act : acts) {
      bool wanted = argc == 1;
      for (int i = 1; i < argc; ++i) wanted = wanted || std::string(argv[i]) == act.name;
      if (!wanted) continue;
      const std::int64_t start = monotonic_ns();
      const std::uint64_t points = all_points(act, directory);
      std::printf("%s: killed at each of %llu %s, %d failures, %.1f s\n", act.name,
                  static_cast<unsigned long long>(points),
                  act.by_instruction ? "instructions" : "system call stops", failures,
                  static_cast<double>(monotonic_ns() - start) * 1e-9);
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    failures = 1;
  }
  std::filesystem::remove_all(directory);
  return failures == 0 ? 0 : 1;
}
