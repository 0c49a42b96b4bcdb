// The loops themselves; luma_pass.cpp and luma_pass_avx2.cpp include this inside their namespaces. No header
// with inline functions may come in here: the linker could keep their AVX2 copies for everybody.

#if defined(__AVX2__)
constexpr std::uint32_t kLanes = 16;
#else
constexpr std::uint32_t kLanes = 8;
#endif
using Bytes [[gnu::vector_size(kLanes)]] = std::uint8_t;
using Lanes [[gnu::vector_size(2 * kLanes)]] = std::int16_t;
using UnsignedLanes [[gnu::vector_size(2 * kLanes)]] = std::uint16_t;
using Counts [[gnu::vector_size(2 * kLanes)]] = std::int32_t;
using UnsignedCounts [[gnu::vector_size(2 * kLanes)]] = std::uint32_t;
// Two squares of the Laplacian (at most 1020 each way) of each of 32 rows in 32 strips fit a 32-bit lane.
constexpr std::uint32_t kStripsBeforeTotal = 32;

[[gnu::always_inline]] inline void load(const std::uint8_t* from, Lanes& to) noexcept {
  Bytes bytes;
  __builtin_memcpy(&bytes, from, kLanes);
#if defined(__AVX2__) && !defined(__clang__)
  // GCC 12 makes four instructions of the conversion.
  using Chars [[gnu::vector_size(16)]] = char;
  to = reinterpret_cast<Lanes>(__builtin_ia32_pmovzxbw256(reinterpret_cast<Chars>(bytes)));
#else
  to = __builtin_convertvector(bytes, Lanes);
#endif
}

// Adds the products of the lanes, two neighbours into one sum.
[[gnu::always_inline]] inline void add_products(const Lanes& a, const Lanes& b, Counts& to) noexcept {
#if defined(__AVX2__)
  using Words [[gnu::vector_size(32)]] = short;
  to += reinterpret_cast<Counts>(
      __builtin_ia32_pmaddwd256(reinterpret_cast<Words>(a), reinterpret_cast<Words>(b)));
#elif defined(__SSE2__)
  using Words [[gnu::vector_size(16)]] = short;
  to += reinterpret_cast<Counts>(
      __builtin_ia32_pmaddwd128(reinterpret_cast<Words>(a), reinterpret_cast<Words>(b)));
#else
  using Half [[gnu::vector_size(8)]] = std::int16_t;
  Half x[2], y[2];
  __builtin_memcpy(x, &a, sizeof x);
  __builtin_memcpy(y, &b, sizeof y);
  for (int i = 0; i < 2; ++i)
    to += __builtin_convertvector(x[i], Counts) * __builtin_convertvector(y[i], Counts);
#endif
}

[[gnu::always_inline]] inline std::int64_t total(const Counts& lanes) noexcept {
  std::int64_t sum = 0;
  for (std::uint32_t i = 0; i < kLanes / 2; ++i) sum += lanes[i];
  return sum;
}

// What stays in registers from strip to strip.
struct Running {
  Lanes dark{}, bright{};
  Counts squares{}, laplace_squares{};
};
// What a block's strips add up to.
struct BlockRunning {
  Counts noise{}, sum{};
};

inline void add_totals(Running& running, Sums& sums) noexcept {
  const Lanes ones = Lanes{} + std::int16_t{1};
  Counts dark{}, bright{};
  add_products(running.dark, ones, dark);
  add_products(running.bright, ones, bright);
  sums.squares += static_cast<std::uint64_t>(total(running.squares));
  sums.laplace_squares += static_cast<std::uint64_t>(total(running.laplace_squares));
  sums.dark += static_cast<std::uint64_t>(-total(dark));  // a true lane is -1
  sums.bright += static_cast<std::uint64_t>(-total(bright));
  running = Running{};
}

// A row's part in the two masks, of which each sample is widened three times and the rest is done once:
// the Laplacian is `across` of its row and m(y-1) - 2 m(y) + m(y+1); Immerkaer's is across(y-1) - 2 across(y)
// + across(y+1).
struct Part {
  Lanes middle, across;
};
[[gnu::always_inline]] inline void load(const std::uint8_t* at, Part& to) noexcept {
  Lanes left, right;
  load(at - 1, left);
  load(at, to.middle);
  load(at + 1, right);
  to.across = left + right - (to.middle + to.middle);
}

// The columns from x on, all of them inside the picture's border, down the band; lanes outside `mask` count
// nothing.
template <bool kMasked>
[[gnu::always_inline]] inline void add_strip(const Band& band, std::uint32_t x, const Lanes& mask,
                                             const Lanes& above_dark, const Lanes& below_bright,
                                             Running& to_picture, BlockRunning& to_block) noexcept {
  Part up, here, down;
  load(band.above + x, up);
  load(band.first + x, here);
  UnsignedLanes noise{};  // uses all sixteen bits
  Lanes sum{};
  Running running = to_picture;
  const std::uint8_t* next = band.first + x;
  for (std::uint32_t y = 1; y <= band.rows; ++y) {
    next = y == band.rows ? band.below + x : next + band.stride;
    load(next, down);
    Lanes laplace = here.across + (up.middle + down.middle - (here.middle + here.middle));
    const Lanes answer = up.across + down.across - (here.across + here.across);
    Lanes size = answer < 0 ? -answer : answer;
    Lanes sample = here.middle;
    Lanes is_dark = sample < above_dark;
    Lanes is_bright = sample > below_bright;
    if constexpr (kMasked) {
      laplace &= mask;
      sample &= mask;
      size &= mask;
      is_dark &= mask;
      is_bright &= mask;
    }
    noise += reinterpret_cast<UnsignedLanes>(size);
    sum += sample;
    running.dark += is_dark;
    running.bright += is_bright;
    add_products(laplace, laplace, running.laplace_squares);
    add_products(sample, sample, running.squares);
    up = here;
    here = down;
  }
  to_picture = running;
  add_products(sum, Lanes{} + std::int16_t{1}, to_block.sum);
  const auto pairs = reinterpret_cast<UnsignedCounts>(noise);
  to_block.noise += reinterpret_cast<Counts>((pairs & 0xffffU) + (pairs >> 16));
}

void add_inside(const Band& band, Sums& sums) noexcept {
  const Lanes above_dark = Lanes{} + static_cast<std::int16_t>(band.dark + 1);
  const Lanes below_bright = Lanes{} + static_cast<std::int16_t>(band.bright - 1);
  const std::uint32_t end = band.width - 1;
  Lanes mask{};
  Running running;
  std::uint32_t strips = 0;
  BlockSums* block = band.blocks;
  for (std::uint32_t x = 1; x < end; ++block) {
    const std::uint32_t block_end = end - x > kBlockColumns ? x + kBlockColumns : end;
    BlockRunning of_block;
    for (; x + kLanes <= block_end; x += kLanes, ++strips)
      add_strip<false>(band, x, mask, above_dark, below_bright, running, of_block);
    if (x < block_end) {
      // The last strip begins where it still fits; its first columns were there already.
      const std::uint32_t begin = end - kLanes;
      for (std::uint32_t i = x - begin; i < kLanes; ++i) mask[i] = -1;
      add_strip<true>(band, begin, mask, above_dark, below_bright, running, of_block);
      x = end;
      ++strips;
    }
    const auto sum = static_cast<std::uint32_t>(total(of_block.sum));
    block->sum += sum;
    block->noise += static_cast<std::uint32_t>(total(of_block.noise));
    sums.sum += sum;
    if (strips + kBlockColumns / kLanes > kStripsBeforeTotal) {
      add_totals(running, sums);
      strips = 0;
    }
  }
  add_totals(running, sums);
}

// One column anywhere; at the border the picture is reflected about its last column.
inline void add_column(const Band& band, std::uint32_t x, Sums& sums) noexcept {
  const std::uint32_t last = band.width - 1;
  const std::uint32_t left = x != 0 ? x - 1 : last == 0 ? 0 : 1;
  const std::uint32_t right = x != last ? x + 1 : last == 0 ? 0 : last - 1;
  const std::uint8_t *above = band.above, *row = band.first;
  for (std::uint32_t y = 1; y <= band.rows; ++y) {
    const std::uint8_t* below = y == band.rows ? band.below : row + band.stride;
    const int middle = row[x];
    const int cross = above[x] + below[x] + row[left] + row[right];
    const int laplace = cross - 4 * middle;
    sums.sum += static_cast<std::uint64_t>(middle);
    sums.squares += static_cast<std::uint64_t>(middle * middle);
    sums.laplace_squares += static_cast<std::uint64_t>(laplace * laplace);
    sums.dark += middle <= band.dark ? 1 : 0;
    sums.bright += middle >= band.bright ? 1 : 0;
    if (x != 0 && x != last) {
      BlockSums& block = band.blocks[(x - 1) / kBlockColumns];
      const int answer = above[left] + above[right] + below[left] + below[right] - 2 * cross + 4 * middle;
      block.noise += static_cast<std::uint32_t>(answer < 0 ? -answer : answer);
      block.sum += static_cast<std::uint32_t>(middle);
    }
    above = row;
    row = below;
  }
}

void add_band(const Band& band, Sums& sums) noexcept {
  if (band.width < kLanes + 2) {
    for (std::uint32_t x = 0; x < band.width; ++x) add_column(band, x, sums);
    return;
  }
  add_column(band, 0, sums);
  add_column(band, band.width - 1, sums);
  add_inside(band, sums);
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
