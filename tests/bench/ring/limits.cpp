#include "limits.h"

#include <sched.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <fstream>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "base/stream_copy.h"
#include "base/unique_fd.h"
#include "ring/futex.h"
#include "support/histogram.h"
#include "support/process.h"
#include "support/report.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

struct Words {
  alignas(64) std::atomic<std::uint32_t> ping{0};
  alignas(64) std::atomic<std::uint32_t> pong{0};
  alignas(64) std::atomic<std::int64_t> sent_ns{0};
  alignas(64) Histogram times;
};

void pin(int core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  ::sched_setaffinity(0, sizeof set, &set);
}

// Two processes with `Words` between them; the figures are the second one's.
template <class Send, class Receive>
OneWay two_processes(int core_of_second, Send&& send, Receive&& receive) {
  auto& words = *new (::mmap(nullptr, sizeof(Words), PROT_READ | PROT_WRITE,
                             MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0)) Words;
  OneWay result;
  {
    Child second = Child::run([&] {
      pin(core_of_second);
      receive(words);
    });
    Child first = Child::run([&] {
      pin(0);
      send(words);
    });
    first.wait(60s);
    second.wait(5s);
    result = {words.times.quantile_us(0.5), words.times.quantile_us(0.99)};
  }
  ::munmap(&words, sizeof(Words));
  return result;
}

}  // namespace

OneWay futex_ping(bool same_core, int rounds) {
  return two_processes(
      same_core ? 0 : 1,
      [&](Words& words) {
        for (int i = 0; i < rounds; ++i) {
          // Long enough that the other surely sleeps, and its core with it.
          const timespec gap{0, 2'000'000};
          ::nanosleep(&gap, nullptr);
          words.sent_ns.store(camring::monotonic_ns());
          words.ping.fetch_add(1);
          camring::futex_wake(words.ping, 1);
        }
      },
      [&](Words& words) {
        for (std::uint32_t seen = 0; seen < static_cast<std::uint32_t>(rounds); ++seen) {
          while (words.ping.load() == seen) camring::futex_wait(words.ping, seen, 1'000'000'000);
          words.times.add(camring::monotonic_ns() - words.sent_ns.load());
        }
      });
}

OneWay cache_line_ping(int rounds) {
  constexpr std::uint32_t kBatch = 100;  // a clock reading costs as much as a trip
  return two_processes(
      1,
      [&](Words& words) {
        for (std::uint32_t i = 1; i <= static_cast<std::uint32_t>(rounds) * kBatch; ++i) {
          while (words.pong.load(std::memory_order_acquire) != i - 1) {
          }
          words.ping.store(i, std::memory_order_release);
        }
      },
      [&](Words& words) {
        std::int64_t began = camring::monotonic_ns();
        for (std::uint32_t i = 1; i <= static_cast<std::uint32_t>(rounds) * kBatch; ++i) {
          while (words.ping.load(std::memory_order_acquire) != i) {
          }
          words.pong.store(i, std::memory_order_release);
          if (i % kBatch != 0) continue;
          const std::int64_t now = camring::monotonic_ns();
          words.times.add((now - began) / (2 * kBatch));
          began = now;
        }
      });
}

namespace {

constexpr std::size_t kSlots = 8;

// Whether any of the mapping that begins at `at` is in huge pages (proc(5), smaps).
bool in_huge_pages(const void* at) {
  std::ifstream smaps("/proc/self/smaps");
  std::array<char, 32> begin{};
  std::snprintf(begin.data(), begin.size(), "%lx-", reinterpret_cast<unsigned long>(at));
  bool here = false;
  for (std::string line; std::getline(smaps, line);) {
    if (line.find("-") != std::string::npos && line.find(" r") != std::string::npos)
      here = line.starts_with(begin.data());
    if (!here) continue;
    if (line.starts_with("AnonHugePages:") || line.starts_with("ShmemPmdMapped:")) {
      if (line.find_first_of("123456789") != std::string::npos) return true;
    }
  }
  return false;
}

template <class Copy>
double copy_rate(std::uint8_t* to, std::size_t bytes, const Copy& copy) {
  const std::vector<std::uint8_t> from(bytes, 7);
  const std::size_t copies = std::max<std::size_t>(kSlots * 4, 2'000'000'000 / bytes);
  const std::int64_t began = camring::monotonic_ns();
  for (std::size_t i = 0; i < copies; ++i) {
    copy(to + i % kSlots * bytes, from.data(), bytes);
    asm volatile("" : : "r"(to) : "memory");  // the copies are the point: none may be left out
  }
  return static_cast<double>(copies * bytes) / static_cast<double>(camring::monotonic_ns() - began);
}

}  // namespace

double paged_copy_rate(std::size_t bytes, Pages pages, bool shared) {
  constexpr std::size_t kHuge = 2u << 20;
  const std::size_t size = (bytes * kSlots / kHuge + 2) * kHuge;
  camring::UniqueFd fd;
  if (shared) {
    fd.reset(::memfd_create("bench", MFD_CLOEXEC));
    if (!fd || ::ftruncate(fd.get(), static_cast<off_t>(size)) != 0) return 0;
  }
  void* memory = ::mmap(nullptr, size, PROT_READ | PROT_WRITE,
                        shared ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, fd.get(), 0);
  if (memory == MAP_FAILED) return 0;
  ::madvise(memory, size, pages == Pages::huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
  std::memset(memory, 1, size);
  const double rate = in_huge_pages(memory) == (pages == Pages::huge)
                          ? copy_rate(static_cast<std::uint8_t*>(memory), bytes, std::memcpy)
                          : 0;
  ::munmap(memory, size);
  return rate;
}

double memcpy_rate(std::size_t bytes) {
  std::vector<std::uint8_t> to(bytes * kSlots, 1);
  return copy_rate(to.data(), bytes, std::memcpy);
}

Handed handed_over(std::size_t bytes, bool streamed) {
  constexpr int kRounds = 200;
  bytes = bytes / sizeof(std::uint64_t) * sizeof(std::uint64_t);
  const std::vector<std::uint8_t> from(bytes, 7);
  std::vector<std::uint8_t> to(bytes * kSlots, 1);
  std::vector<double> write, read;
  for (int i = 0; i < kRounds; ++i) {
    std::uint8_t* const slot = to.data() + static_cast<std::size_t>(i) % kSlots * bytes;
    const std::int64_t began = camring::monotonic_ns();
    streamed ? camring::stream_copy(slot, from.data(), bytes)
             : static_cast<void>(std::memcpy(slot, from.data(), bytes));
    asm volatile("" : : "r"(slot) : "memory");
    write.push_back(static_cast<double>(camring::monotonic_ns() - began) / 1000);
    std::thread([&] {
      const std::int64_t start = camring::monotonic_ns();
      std::uint64_t sum = 0;
      for (std::size_t at = 0; at < bytes; at += sizeof sum) {
        std::uint64_t word = 0;
        std::memcpy(&word, slot + at, sizeof word);
        sum += word;
      }
      asm volatile("" : : "r"(sum));  // the reading is the point
      read.push_back(static_cast<double>(camring::monotonic_ns() - start) / 1000);
    }).join();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  return {median(write), median(read)};
}

double stream_copy_rate(std::size_t bytes) {
  std::vector<std::uint8_t> to(bytes * kSlots, 1);
  return copy_rate(to.data(), bytes, camring::stream_copy);
}

}  // namespace bench
