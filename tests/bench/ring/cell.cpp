#include "cell.h"

#include <signal.h>
#include <sys/mman.h>

#include <climits>
#include <cstring>
#include <ctime>

#include "base/clock.h"
#include "ring/futex.h"
#include "support/process.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kSetUpNs = 60'000'000'000;  // GStreamer's hundred readers need their time
constexpr std::int64_t kGraceNs = 150'000'000;     // for the last frame to arrive

// A watchdog's wait: true when `word` reached `value`.
bool wait_for(std::atomic<std::uint32_t>& word, std::uint32_t value, std::int64_t timeout_ns) {
  const std::int64_t deadline = camring::monotonic_ns() + timeout_ns;
  for (;;) {
    const std::uint32_t is = word.load();
    if (is >= value) return true;
    const std::int64_t left = deadline - camring::monotonic_ns();
    if (left <= 0) return false;
    camring::futex_wait(word, is, left);
  }
}

void raise(std::atomic<std::uint32_t>& word) {
  word.fetch_add(1);
  camring::futex_wake(word, INT_MAX);
}

std::int64_t process_cpu_ns() { return camring::clock_ns(CLOCK_PROCESS_CPUTIME_ID); }

struct Mapped {
  Mapped()
      : shared(*new (::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE,
                            MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)) Shared) {}
  ~Mapped() { ::munmap(&shared, sizeof(Shared)); }
  Shared& shared;
};

}  // namespace

std::int64_t Pace::now() noexcept { return camring::monotonic_ns(); }

void Pace::ready() {
  raise(shared_.ready);
  wait_for(shared_.go, 1, 2 * kSetUpNs);
  due_ns_ = now();
}

bool Pace::next() {
  if (frame_ >= 0) shared_.publish.add(cost_ns_);
  if (frame_ == -1) cpu_ns_ = process_cpu_ns();
  cost_ns_ = 0;
  const bool more = ++frame_ < cell_.frames;
  due_ns_ += more ? 1'000'000'000 / cell_.fps : kGraceNs;
  const timespec due{due_ns_ / 1'000'000'000, due_ns_ % 1'000'000'000};
  ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
  if (more) return true;
  shared_.writer_cpu_ns = process_cpu_ns() - cpu_ns_;
  raise(shared_.done);
  return false;
}

Stamp Pace::stamp() const { return {now(), frame_}; }

void Pace::fill(void* to, const Stamp& stamp) const {
  if (cell_.copy) std::memcpy(to, source_.data(), source_.size());
  std::memcpy(to, &stamp, sizeof stamp);
}

std::span<const std::uint8_t> Pace::stamped(const Stamp& stamp) {
  std::memcpy(source_.data(), &stamp, sizeof stamp);
  return source_;
}

void Probe::ready() { raise(shared_.ready); }

void Probe::note(const void* payload) noexcept {
  const std::int64_t now = camring::monotonic_ns();
  Stamp stamp;
  std::memcpy(&stamp, payload, sizeof stamp);
  if (stamp.frame <= last_) return;
  if (last_ < 0) cpu_ns_ = process_cpu_ns();
  last_ = stamp.frame;
  latency_.add(now - stamp.made_ns);
}

Probe::~Probe() {
  if (last_ >= 0) shared_.reader_cpu_ns += process_cpu_ns() - cpu_ns_;
}

Figures run(Side& side, const Cell& cell) {
  Figures figures;
  const Mapped memory;
  Shared& shared = memory.shared;
  if (!side.begin(cell)) {
    side.end();
    return figures;
  }
  {
    std::vector<Child> children;
    for (int i = 0; i < cell.readers; ++i) {
      children.push_back(Child::run([&, i] {
        Probe probe(shared, i);
        side.reader(cell, probe, i);
      }));
    }
    children.push_back(Child::run([&] {
      Pace pace(shared, cell);
      side.writer(cell, pace);
    }));
    figures.ran = wait_for(shared.ready, static_cast<std::uint32_t>(cell.readers) + 1, kSetUpNs);
    for (int i = 0; i < cell.stopped; ++i) children[static_cast<std::size_t>(i)].stop();
    raise(shared.go);
    const std::int64_t expected_ns = (cell.frames + kWarmUp) * (1'000'000'000LL / cell.fps);
    figures.ran = figures.ran && wait_for(shared.done, 1, 2 * expected_ns + 5'000'000'000);
    shared.done.store(1);
    for (const Child& child : children) child.signal(SIGCONT);
    for (Child& child : children) child.wait(3s);
  }
  side.end();
  for (int i = cell.stopped; i < cell.readers; ++i) figures.latency.merge(shared.latency[i]);
  figures.publish = shared.publish;
  const double due = static_cast<double>(cell.readers - cell.stopped) * cell.frames;
  if (due > 0) figures.lost = 1 - static_cast<double>(figures.latency.count()) / due;
  figures.writer_cpu_us = static_cast<double>(shared.writer_cpu_ns) / 1000 / cell.frames;
  if (due > 0) figures.reader_cpu_us = static_cast<double>(shared.reader_cpu_ns) / 1000 / due;
  return figures;
}

}  // namespace bench
