#include "clip.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <fstream>
#include <stdexcept>

namespace bench {
namespace {

constexpr std::string_view kUuid = "camring-bench-01";  // 16 bytes, none of them zero
constexpr std::size_t kDigits = 16;
constexpr std::uint8_t kSeiNal = 6, kUserData = 5;

bool is_slice(std::uint8_t header) { return (header & 31) == 1 || (header & 31) == 5; }

}  // namespace

std::vector<std::span<const std::uint8_t>> nal_units(std::span<const std::uint8_t> unit) {
  std::vector<std::span<const std::uint8_t>> found;
  std::size_t begin = 0;  // of the NAL unit that goes on
  for (std::size_t i = 0; i + 3 <= unit.size(); ++i) {
    if (unit[i] != 0 || unit[i + 1] != 0 || unit[i + 2] != 1) continue;
    std::size_t end = i;
    while (end > begin && unit[end - 1] == 0) --end;
    if (begin != 0) found.push_back(unit.subspan(begin, end - begin));
    begin = i + 3;
    i += 2;
  }
  if (begin != 0 && begin < unit.size()) found.push_back(unit.subspan(begin));
  return found;
}

ClipUnit with_clock(std::span<const std::uint8_t> unit, bool keyframe) {
  ClipUnit made;
  made.keyframe = keyframe;
  const auto add = [&](auto&&... bytes) { (made.bytes.push_back(static_cast<std::uint8_t>(bytes)), ...); };
  for (const auto nal : nal_units(unit)) {
    if (made.clock_at == 0 && is_slice(nal[0])) {
      add(0, 0, 0, 1, kSeiNal, kUserData, kUuid.size() + kDigits);
      made.bytes.insert(made.bytes.end(), kUuid.begin(), kUuid.end());
      made.clock_at = made.bytes.size();
      made.bytes.insert(made.bytes.end(), kDigits, '0');
      add(0x80);
    }
    add(0, 0, 0, 1);
    made.bytes.insert(made.bytes.end(), nal.begin(), nal.end());
  }
  return made;
}

void write_clock(std::uint8_t* digits, std::int64_t ns) noexcept {
  for (std::size_t i = kDigits; i-- > 0; ns >>= 4)
    digits[i] = static_cast<std::uint8_t>("0123456789abcdef"[ns & 15]);
}

std::int64_t find_clock(std::span<const std::uint8_t> nal) noexcept {
  constexpr std::size_t kHead = 3 + kUuid.size();
  if (nal.size() < kHead + kDigits || (nal[0] & 31) != kSeiNal || nal[1] != kUserData) return 0;
  if (std::memcmp(nal.data() + 3, kUuid.data(), kUuid.size()) != 0) return 0;
  const char* digits = reinterpret_cast<const char*>(nal.data() + kHead);
  std::int64_t ns = 0;
  std::from_chars(digits, digits + kDigits, ns, 16);
  return ns;
}

std::size_t Clip::mean_bytes(bool keyframes) const {
  std::size_t total = 0, count = 0;
  for (const ClipUnit& unit : units) {
    if (keyframes && !unit.keyframe) continue;
    total += unit.bytes.size();
    ++count;
  }
  return total / std::max<std::size_t>(count, 1);
}

void Clip::save(const std::string& path) const {
  std::ofstream file(path, std::ios::binary);
  for (const ClipUnit& unit : units) {
    file << unit.bytes.size() << ' ' << unit.clock_at << ' ' << unit.keyframe << '\n';
    file.write(reinterpret_cast<const char*>(unit.bytes.data()),
               static_cast<std::streamsize>(unit.bytes.size()));
  }
}

Clip Clip::load(const std::string& path) {
  Clip clip;
  std::ifstream file(path, std::ios::binary);
  ClipUnit unit;
  for (std::size_t size = 0; file >> size >> unit.clock_at >> unit.keyframe;) {
    file.get();
    unit.bytes.resize(size);
    file.read(reinterpret_cast<char*>(unit.bytes.data()), static_cast<std::streamsize>(size));
    clip.units.push_back(unit);
  }
  if (clip.units.empty()) throw std::runtime_error("no clip in " + path);
  return clip;
}

}  // namespace bench
