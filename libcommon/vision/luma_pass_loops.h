// The loops themselves; luma_pass.cpp and luma_pass_avx2.cpp include this inside their namespaces. No header
// with inline functions may come in here: the linker could keep their AVX2 copies for everybody.

using Bytes [[gnu::vector_size(16)]] = std::uint8_t;
using Lanes [[gnu::vector_size(32)]] = std::int16_t;
using UnsignedLanes [[gnu::vector_size(32)]] = std::uint16_t;
using Counts [[gnu::vector_size(32)]] = std::int32_t;
constexpr std::uint32_t kLanes = 16;
// 32 answers of the Laplacian (at most 1020 each way) fit a 16-bit lane.
constexpr std::uint32_t kVectorsBeforeFlush = 31;  // and the row's last one
// Squares of 8192 columns fit a 32-bit lane.
constexpr std::uint32_t kFlushesBeforeTotal = 16;

[[gnu::always_inline]] inline void load(const std::uint8_t* from, Lanes& to) noexcept {
  Bytes bytes;
  __builtin_memcpy(&bytes, from, kLanes);
  to = __builtin_convertvector(bytes, Lanes);
}

// Adds the products of 16 lanes, two neighbours into one sum.
[[gnu::always_inline]] inline void add_products(const Lanes& a, const Lanes& b, Counts& to) noexcept {
#if defined(__AVX2__)
  using Words [[gnu::vector_size(32)]] = short;
  to += reinterpret_cast<Counts>(
      __builtin_ia32_pmaddwd256(reinterpret_cast<Words>(a), reinterpret_cast<Words>(b)));
#else
  using Half [[gnu::vector_size(16)]] = std::int16_t;
  using Four [[gnu::vector_size(16)]] = std::int32_t;
  Half left[2], right[2];
  Four sums[2];
  __builtin_memcpy(left, &a, sizeof a);
  __builtin_memcpy(right, &b, sizeof b);
  __builtin_memcpy(sums, &to, sizeof to);
  for (int i = 0; i < 2; ++i) {
#if defined(__SSE2__)
    sums[i] += reinterpret_cast<Four>(__builtin_ia32_pmaddwd128(left[i], right[i]));
#else
    using Quarter [[gnu::vector_size(8)]] = std::int16_t;
    Quarter x[2], y[2];
    __builtin_memcpy(x, &left[i], sizeof x);
    __builtin_memcpy(y, &right[i], sizeof y);
    for (int j = 0; j < 2; ++j)
      sums[i] += __builtin_convertvector(x[j], Four) * __builtin_convertvector(y[j], Four);
#endif
  }
  __builtin_memcpy(&to, sums, sizeof to);
#endif
}

[[gnu::always_inline]] inline std::int64_t total(const Counts& lanes) noexcept {
  std::int64_t sum = 0;
  for (std::uint32_t i = 0; i < 8; ++i) sum += lanes[i];
  return sum;
}

// What stays in registers along a row.
struct Running {
  Lanes sum{}, laplace{}, dark{}, bright{};
  Counts squares{}, laplace_squares{};
};
// Where the 16-bit lanes go before they are full.
struct Wide {
  Counts sum{}, laplace{}, dark{}, bright{};
};

[[gnu::always_inline]] inline void flush(Running& running, Wide& wide) noexcept {
  const Lanes ones = Lanes{} + std::int16_t{1};
  add_products(running.sum, ones, wide.sum);
  add_products(running.laplace, ones, wide.laplace);
  add_products(running.dark, ones, wide.dark);
  add_products(running.bright, ones, wide.bright);
  running.sum = running.laplace = running.dark = running.bright = Lanes{};
}

inline void add_totals(Running& running, Wide& wide, RowSums& sums) noexcept {
  sums.sum += static_cast<std::uint64_t>(total(wide.sum));
  sums.laplace += total(wide.laplace);
  sums.squares += static_cast<std::uint64_t>(total(running.squares));
  sums.laplace_squares += static_cast<std::uint64_t>(total(running.laplace_squares));
  sums.dark += static_cast<std::uint64_t>(-total(wide.dark));  // a true lane is -1
  sums.bright += static_cast<std::uint64_t>(-total(wide.bright));
  running = Running{};
  wide = Wide{};
}

[[gnu::always_inline]] inline void load(const std::int16_t* from, Lanes& to) noexcept {
  __builtin_memcpy(&to, from, sizeof to);
}

// The row, and the sum of the rows above and below, in 16 bits: each sample is widened once, not nine times.
[[gnu::always_inline]] inline void widen(const Row& row, std::int16_t* samples,
                                         std::int16_t* beside) noexcept {
  const auto at = [&](std::uint32_t x) {
    Lanes up, middle, down;
    load(row.above + x, up);
    load(row.row + x, middle);
    load(row.below + x, down);
    up += down;
    __builtin_memcpy(samples + x, &middle, sizeof middle);
    __builtin_memcpy(beside + x, &up, sizeof up);
  };
  std::uint32_t x = 0;
  for (; x + kLanes <= row.width; x += kLanes) at(x);
  if (x != row.width) at(row.width - kLanes);
}

// Sixteen columns from x on, all of them inside the picture's border; lanes outside `mask` count nothing.
template <bool kNoise, bool kMasked>
[[gnu::always_inline]] inline void add_lanes(const Row& row, const std::int16_t* samples,
                                             const std::int16_t* beside, std::uint32_t x, const Lanes& mask,
                                             const Lanes& dark, const Lanes& bright,
                                             Running& running) noexcept {
  Lanes left, middle, right, column;
  load(samples + x - 1, left);
  load(samples + x, middle);
  load(samples + x + 1, right);
  load(beside + x, column);
  const Lanes cross = column + (left + right);
  const Lanes four = middle << 2;
  Lanes laplace = cross - four, sample = middle, is_dark = middle <= dark, is_bright = middle >= bright;
  if constexpr (kMasked) {
    laplace &= mask;
    sample &= mask;
    is_dark &= mask;
    is_bright &= mask;
  }
  running.laplace += laplace;
  running.sum += sample;
  running.dark += is_dark;
  running.bright += is_bright;
  add_products(laplace, laplace, running.laplace_squares);
  add_products(sample, sample, running.squares);
  if constexpr (kNoise) {
    Lanes before, after;
    UnsignedLanes noise;  // a column's sum may use all sixteen bits
    load(beside + x - 1, before);
    load(beside + x + 1, after);
    const Lanes answer = (before + after) - (cross << 1) + four;
    Lanes size = answer < 0 ? -answer : answer;
    if constexpr (kMasked) size &= mask;
    __builtin_memcpy(&noise, row.noise + x, sizeof noise);
    noise += reinterpret_cast<const UnsignedLanes&>(size);
    __builtin_memcpy(row.noise + x, &noise, sizeof noise);
  }
}

// One column anywhere; `left` and `right` are its neighbours' columns.
inline void add_one(const Row& row, std::uint32_t x, std::uint32_t left, std::uint32_t right,
                    RowSums& sums) noexcept {
  const int middle = row.row[x];
  const int cross = row.above[x] + row.below[x] + row.row[left] + row.row[right];
  const int laplace = cross - 4 * middle;
  sums.sum += static_cast<std::uint64_t>(middle);
  sums.squares += static_cast<std::uint64_t>(middle * middle);
  sums.laplace += laplace;
  sums.laplace_squares += static_cast<std::uint64_t>(laplace * laplace);
  sums.dark += middle <= row.dark ? 1 : 0;
  sums.bright += middle >= row.bright ? 1 : 0;
  if (row.noise == nullptr || left + 1 != x || right != x + 1) return;
  const int answer =
      row.above[left] + row.above[right] + row.below[left] + row.below[right] - 2 * cross + 4 * middle;
  row.noise[x] = static_cast<std::uint16_t>(row.noise[x] + (answer < 0 ? -answer : answer));
}

template <bool kNoise>
void add_inside(const Row& row, RowSums& sums) noexcept {
  const Lanes dark = Lanes{} + static_cast<std::int16_t>(row.dark);
  const Lanes bright = Lanes{} + static_cast<std::int16_t>(row.bright);
  const std::uint32_t end = row.width - 1;
  std::int16_t* const samples = row.scratch;
  std::int16_t* const beside = row.scratch + row.width;
  widen(row, samples, beside);
  Lanes mask{};
  Running running;
  Wide wide;
  std::uint32_t x = 1, vectors = 0, flushes = 0;
  for (; x + kLanes <= end; x += kLanes) {
    add_lanes<kNoise, false>(row, samples, beside, x, mask, dark, bright, running);
    if (++vectors < kVectorsBeforeFlush) continue;
    vectors = 0;
    flush(running, wide);
    if (++flushes % kFlushesBeforeTotal == 0) add_totals(running, wide, sums);
  }
  if (x != end) {
    // The last vector begins where it still fits; its first columns were there already.
    const std::uint32_t begin = end - kLanes;
    for (std::uint32_t i = x - begin; i < kLanes; ++i) mask[i] = -1;
    add_lanes<kNoise, true>(row, samples, beside, begin, mask, dark, bright, running);
  }
  flush(running, wide);
  add_totals(running, wide, sums);
}

void add_row(const Row& row, RowSums& sums) noexcept {
  const std::uint32_t last = row.width - 1;
  const auto one = [&](std::uint32_t x) {  // at the border the picture is reflected about its last column
    add_one(row, x, x == 0 ? (last == 0 ? 0 : 1) : x - 1, x == last ? (last == 0 ? 0 : last - 1) : x + 1,
            sums);
  };
  if (row.width < kLanes + 2) {
    for (std::uint32_t x = 0; x <= last; ++x) one(x);
    return;
  }
  one(0);
  one(last);
  if (row.noise != nullptr)
    add_inside<true>(row, sums);
  else
    add_inside<false>(row, sums);
}

std::uint64_t difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count) noexcept {
  std::uint32_t sum = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const int step = a[i] - b[i];
    sum += static_cast<std::uint32_t>(step < 0 ? -step : step);
  }
  return sum;
}

void add_steps(const std::uint8_t* row, std::uint16_t* columns, std::uint32_t count) noexcept {
  for (std::uint32_t x = 0; x < count; ++x) {
    const std::uint8_t a = row[x], b = row[x + 1];
    columns[x] = static_cast<std::uint16_t>(columns[x] + (a > b ? a - b : b - a));
  }
}

void add_difference(const std::uint8_t* a, const std::uint8_t* b, std::uint32_t count,
                    Difference& to) noexcept {
  std::int32_t sum = 0, squares = 0, changed = 0;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::int16_t step = static_cast<std::int16_t>(a[i] - b[i]);
    sum += step;
    squares += step * step;
    changed += step != 0 ? 1 : 0;
  }
  to.sum += sum;
  to.squares += static_cast<std::uint32_t>(squares);
  to.changed += static_cast<std::uint32_t>(changed);
}
