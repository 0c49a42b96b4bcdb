// A floor without tricks: memcpy into shared memory, FUTEX_WAKE of everybody.
#include <sys/mman.h>

#include <climits>

#include "harness.h"
#include "ring/futex.h"

namespace bench {
namespace {

class Floor final : public Side {
 public:
  const char* name() const override { return "memcpy + futex"; }
  void begin(const Cell& cell) override {
    bytes_ = 4096 + cell.bytes * kSlots;
    memory_ = static_cast<std::uint8_t*>(
        ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0));
    word() = 0;
  }
  void end() override { ::munmap(memory_, bytes_); }
  void writer(const Cell& cell, Shared& shared) override {
    const std::vector<std::uint8_t> source(cell.bytes, 7);
    paced(shared, cell, [&](int frame) {
      const Stamp stamp{camring::monotonic_ns(), frame};
      std::uint8_t* slot = memory_ + 4096 + static_cast<std::size_t>(frame) % kSlots * cell.bytes;
      std::memcpy(slot, source.data(), source.size());
      std::memcpy(slot, &stamp, sizeof stamp);
      word().fetch_add(1, std::memory_order_release);
      camring::futex_wake(word(), INT_MAX);
    });
    word().fetch_add(1);
    camring::futex_wake(word(), INT_MAX);
  }
  void reader(const Cell& cell, Shared& shared, int index) override {
    ++shared.ready;
    std::uint32_t seen = 0;
    while (!shared.done) {
      camring::futex_wait(word(), seen, 100'000'000);
      const std::uint32_t now = word().load(std::memory_order_acquire);
      if (now == seen) continue;
      seen = now;
      note(shared, cell, index, memory_ + 4096 + (now - 1) % kSlots * cell.bytes);
    }
  }

 private:
  static constexpr std::size_t kSlots = 8;
  std::atomic<std::uint32_t>& word() { return *reinterpret_cast<std::atomic<std::uint32_t>*>(memory_); }
  std::uint8_t* memory_ = nullptr;
  std::size_t bytes_ = 0;
};

}  // namespace

std::unique_ptr<Side> make_floor() { return std::make_unique<Floor>(); }

}  // namespace bench
