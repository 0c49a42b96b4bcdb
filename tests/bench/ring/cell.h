// What all sides of the ring benchmark share: the cell to run, memory for the results, the pace of the writer
// and what a reader notes.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "support/histogram.h"

namespace bench {

inline constexpr int kMaxReaders = 128;
inline constexpr int kWarmUp = 20;  // frames before those that count: every slot's pages are mapped then

/// One cell of a table.
struct Cell {
  std::size_t bytes = 4096;
  int readers = 1;
  int stopped = 0;   ///< so many of the readers are stopped (SIGSTOP) before the first frame
  int frames = 300;  ///< that count
  int fps = 100;
  bool spin = false;  ///< readers look again and again instead of sleeping
  bool copy = true;   ///< the writer copies a whole frame in; else it fills in only the stamp
};

/// In memory that all processes of a cell share. The atomics are futex words.
struct Shared {
  std::atomic<std::uint32_t> ready{0};  ///< processes that are set up
  std::atomic<std::uint32_t> go{0};
  std::atomic<std::uint32_t> done{0};  ///< the writer has sent its last frame, and readers had time to get it
  std::atomic<std::int64_t> reader_cpu_ns{0};
  std::int64_t writer_cpu_ns = 0;  ///< whole process, all frames that count, pacing included
  Histogram publish;               ///< wall time of the publishing calls, without filling
  Histogram latency[kMaxReaders];
};

/// The first bytes of each frame.
struct Stamp {
  std::int64_t made_ns = 0;
  std::int64_t frame = 0;  ///< negative while warming up
};

/// The writer's side. Tells the others that it is there, waits for the start, then keeps the pace:
/// `while (pace.next()) { ... }`.
class Pace {
 public:
  Pace(Shared& shared, const Cell& cell) : shared_(shared), cell_(cell) {}
  void ready();
  /// Sleeps until the next frame is due. False after the last one; readers have had time for it then.
  bool next();
  /// Now, and the frame's number. From here the frame's latency counts.
  [[nodiscard]] Stamp stamp() const;
  /// The source picture into `to` (or in place: nothing), and the stamp.
  void fill(void* to, const Stamp& stamp) const;
  /// The source picture with the stamp in it, for who copies by itself.
  [[nodiscard]] std::span<const std::uint8_t> stamped(const Stamp& stamp);
  /// Runs a part of publishing and adds its time to the frame's cost.
  template <class Part>
  auto timed(Part&& part) {
    struct Watch {
      std::int64_t& total;
      std::int64_t began = now();
      ~Watch() { total += now() - began; }
    } const watch{cost_ns_};
    return part();
  }

 private:
  static std::int64_t now() noexcept;
  Shared& shared_;
  const Cell& cell_;
  std::vector<std::uint8_t> source_ = std::vector<std::uint8_t>(cell_.copy ? cell_.bytes : 0, 7);
  std::int64_t frame_ = -kWarmUp - 1;
  std::int64_t due_ns_ = 0, cost_ns_ = 0, cpu_ns_ = 0;
};

/// A reader's side: `while (!probe.done()) if (a frame came) probe.note(payload);`
class Probe {
 public:
  Probe(Shared& shared, int index) : shared_(shared), latency_(shared.latency[index]) {}
  ~Probe();
  void ready();
  [[nodiscard]] bool done() const noexcept { return shared_.done.load(std::memory_order_relaxed) != 0; }
  /// To be called as soon as the frame is there.
  void note(const void* payload) noexcept;

 private:
  Shared& shared_;
  Histogram& latency_;
  std::int64_t last_ = -1, cpu_ns_ = 0;
};

/// One transport. writer and reader run in processes of their own, forked from one that has touched nothing
/// of it.
class Side {
 public:
  virtual ~Side() = default;
  [[nodiscard]] virtual const char* name() const = 0;
  [[nodiscard]] virtual bool available() const { return true; }  ///< its packages are there
  [[nodiscard]] virtual bool spins() const { return true; }      ///< its readers can look without sleeping
  virtual bool begin(const Cell&) { return true; }  ///< in the benchmark's own process; false: can't now
  virtual void end() {}
  virtual void writer(const Cell& cell, Pace& pace) = 0;
  virtual void reader(const Cell& cell, Probe& probe, int index) = 0;
};

std::unique_ptr<Side> make_floor();
std::unique_ptr<Side> make_camring();
std::unique_ptr<Side> make_gstreamer();
std::unique_ptr<Side> make_iceoryx();

/// What one run of a cell gave.
struct Figures {
  bool ran = false;
  Histogram latency, publish;
  double lost = 0;  ///< share of frames that readers (not the stopped ones) did not get
  double writer_cpu_us = 0, reader_cpu_us = 0;  ///< a frame
};
[[nodiscard]] Figures run(Side& side, const Cell& cell);

}  // namespace bench
