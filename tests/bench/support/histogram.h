// Times of many events in little memory that processes can share: buckets as wide as 1/128 of their value.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdio>

namespace bench {

/// Counts nanoseconds from 0 to 2^36 (68 s). Plain memory: one process adds, others look when it has ended.
class Histogram {
 public:
  void add(std::int64_t ns) noexcept {
    ++counts_[index_of(static_cast<std::uint64_t>(std::clamp<std::int64_t>(ns, 0, kMost)))];
    ++total_;
    most_ = std::max(most_, ns);
  }
  void merge(const Histogram& other) noexcept {
    for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
    total_ += other.total_;
    most_ = std::max(most_, other.most_);
  }
  [[nodiscard]] std::uint64_t count() const noexcept { return total_; }
  /// The smallest time that `share` (0 to 1) of the events do not exceed, in µs; 0 without events.
  [[nodiscard]] double quantile_us(double share) const noexcept {
    const auto wanted = static_cast<std::uint64_t>(std::ceil(share * static_cast<double>(total_)));
    std::uint64_t seen = 0;
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen >= std::max<std::uint64_t>(wanted, 1)) return static_cast<double>(middle_of(i)) / 1000;
    }
    return 0;
  }
  [[nodiscard]] double max_us() const noexcept { return static_cast<double>(most_) / 1000; }
  /// Lines of "nanoseconds count", empty buckets left out.
  void write(std::FILE* file) const {
    for (std::size_t i = 0; i < counts_.size(); ++i) {
      if (counts_[i] != 0)
        std::fprintf(file, "%llu %u\n", static_cast<unsigned long long>(middle_of(i)), counts_[i]);
    }
  }

 private:
  static constexpr std::int64_t kMost = (std::int64_t{1} << 36) - 1;
  static constexpr unsigned kSteps = 7;  // 128 buckets for each doubling

  static std::size_t index_of(std::uint64_t ns) noexcept {
    const unsigned width = static_cast<unsigned>(std::bit_width(ns));
    if (width <= kSteps + 1) return ns;
    const unsigned shift = width - kSteps - 1;
    return (std::size_t{shift} << kSteps) + (ns >> shift);
  }
  static std::uint64_t middle_of(std::size_t index) noexcept {
    if (index < (2u << kSteps)) return index;
    const std::size_t shift = (index >> kSteps) - 1;
    return ((index - (shift << kSteps)) << shift) + ((std::uint64_t{1} << shift) >> 1);
  }

  std::array<std::uint32_t, (36 - kSteps + 1) << kSteps> counts_{};
  std::uint64_t total_ = 0;
  std::int64_t most_ = 0;
};

}  // namespace bench
