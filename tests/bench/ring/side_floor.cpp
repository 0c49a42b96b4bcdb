// A floor without tricks: memcpy into shared memory, FUTEX_WAKE of everybody.
#include <sys/mman.h>

#include <climits>

#include "cell.h"
#include "ring/futex.h"

namespace bench {
namespace {

class Floor final : public Side {
 public:
  const char* name() const override { return "memcpy + futex"; }
  bool begin(const Cell& cell) override {
    bytes_ = kHead + cell.bytes * kSlots;
    memory_ = static_cast<std::uint8_t*>(
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    return memory_ != MAP_FAILED;
  }
  void end() override { ::munmap(memory_, bytes_); }
  void writer(const Cell& cell, Pace& pace) override {
    pace.ready();
    std::uint32_t sent = 0;
    while (pace.next()) {
      pace.fill(slot(cell, sent++), pace.stamp());
      pace.timed([&] {
        word().store(sent, std::memory_order_release);
        return camring::futex_wake(word(), INT_MAX);
      });
    }
  }
  void reader(const Cell& cell, Probe& probe, int) override {
    probe.ready();
    std::uint32_t seen = 0;
    while (!probe.done()) {
      if (!cell.spin) camring::futex_wait(word(), seen, 100'000'000);
      const std::uint32_t sent = word().load(std::memory_order_acquire);
      if (sent == seen) continue;
      seen = sent;
      probe.note(slot(cell, sent - 1));
    }
  }

 private:
  static constexpr std::size_t kSlots = 8, kHead = 4096;
  std::atomic<std::uint32_t>& word() { return *reinterpret_cast<std::atomic<std::uint32_t>*>(memory_); }
  std::uint8_t* slot(const Cell& cell, std::uint32_t frame) {
    return memory_ + kHead + frame % kSlots * cell.bytes;
  }
  std::uint8_t* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Side> make_floor() { return std::make_unique<Floor>(); }

}  // namespace bench
