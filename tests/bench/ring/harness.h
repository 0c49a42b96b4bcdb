// What all sides of the ring benchmark share: a cell to run, memory to write results to, frames that say when
// they were made.
#pragma once

#include <atomic>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <memory>
#include <vector>

#include "base/clock.h"

namespace bench {

/// One cell of the table.
struct Cell {
  std::size_t bytes = 4096;
  int readers = 1;
  int frames = 300;
  int fps = 100;
};

inline constexpr int kMaxReaders = 128;

/// In memory that all processes of a cell share.
struct Shared {
  std::atomic<int> ready{0};      ///< readers that wait for frames
  std::atomic<bool> done{false};  ///< the writer has sent its last frame
  std::atomic<std::int64_t> writer_cpu_ns{0};
  std::atomic<std::int64_t> latencies[1];  ///< readers x frames, 0 where a frame did not come

  [[nodiscard]] std::atomic<std::int64_t>& latency(const Cell& cell, int reader, int frame) {
    return latencies[static_cast<std::size_t>(reader) * static_cast<std::size_t>(cell.frames) +
                     static_cast<std::size_t>(frame)];
  }
};

/// The first bytes of each frame.
struct Stamp {
  std::int64_t made_ns;
  std::int64_t frame;
};

inline void note(Shared& shared, const Cell& cell, int reader, const void* payload) {
  const std::int64_t now = camring::monotonic_ns();
  Stamp stamp{};
  std::memcpy(&stamp, payload, sizeof stamp);
  if (stamp.frame >= 0 && stamp.frame < cell.frames) {
    shared.latency(cell, reader, static_cast<int>(stamp.frame)) = now - stamp.made_ns;
  }
}

/// Calls send(frame) at the cell's rate, once all readers are ready; then says that it is done.
template <class Send>
void paced(Shared& shared, const Cell& cell, Send&& send) {
  while (shared.ready.load() < cell.readers) {
    const timespec nap{0, 1'000'000};
    ::nanosleep(&nap, nullptr);
  }
  timespec due{};
  ::clock_gettime(CLOCK_MONOTONIC, &due);
  timespec before{}, after{};
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
  for (int frame = 0; frame < cell.frames; ++frame) {
    due.tv_nsec += 1'000'000'000 / cell.fps;
    if (due.tv_nsec >= 1'000'000'000) {
      due.tv_nsec -= 1'000'000'000;
      ++due.tv_sec;
    }
    ::clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &due, nullptr);
    send(frame);
  }
  const timespec rest{0, 200'000'000};
  ::nanosleep(&rest, nullptr);
  ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  shared.writer_cpu_ns = (after.tv_sec - before.tv_sec) * 1'000'000'000 + after.tv_nsec - before.tv_nsec;
  shared.done = true;
}

/// One transport. writer and reader run in processes of their own, forked from one that has touched nothing
/// of it.
class Side {
 public:
  virtual ~Side() = default;
  [[nodiscard]] virtual const char* name() const = 0;
  [[nodiscard]] virtual bool available() const { return true; }
  virtual void begin(const Cell&) {}  ///< in the benchmark's own process
  virtual void end() {}
  virtual void writer(const Cell& cell, Shared& shared) = 0;
  virtual void reader(const Cell& cell, Shared& shared, int index) = 0;
};

std::unique_ptr<Side> make_floor();
std::unique_ptr<Side> make_camring();
std::unique_ptr<Side> make_gstreamer();
std::unique_ptr<Side> make_iceoryx();

}  // namespace bench
