#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/stream_copy.h"
#include "catch.h"

using camring::kStreamFrom;
using camring::stream_copy;

TEST_CASE("a streamed copy is whole and touches nothing beside it, wherever it begins and ends") {
  constexpr std::size_t kGuard = 128;
  constexpr std::uint8_t kBeside = 0xa5;
  std::vector<std::uint8_t> source(kStreamFrom + 512);
  std::uint32_t noise = 1;
  for (auto& byte : source) byte = static_cast<std::uint8_t>((noise = noise * 1664525 + 1013904223) >> 24);
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{63}, kStreamFrom - 1, kStreamFrom, kStreamFrom + 1,
        kStreamFrom + 63, kStreamFrom + 64, kStreamFrom + 200}) {
    for (const std::size_t to_shift : {0u, 1u, 16u, 63u}) {
      for (const std::size_t from_shift : {0u, 7u, 64u}) {
        INFO(bytes << " bytes, shifted by " << to_shift << " from " << from_shift);
        std::vector<std::uint8_t> room(bytes + 2 * kGuard, kBeside);
        std::uint8_t* const to = room.data() + kGuard + to_shift - 64;
        const std::uint8_t* const from = source.data() + from_shift;
        stream_copy(to, from, bytes);
        CHECK(std::equal(to, to + bytes, from));
        const auto beside = [](std::uint8_t byte) { return byte == kBeside; };
        CHECK(std::all_of(room.data(), to, beside));
        CHECK(std::all_of(to + bytes, room.data() + room.size(), beside));
      }
    }
  }
}
