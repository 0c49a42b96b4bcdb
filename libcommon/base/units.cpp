#include "base/units.h"

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <stdexcept>

namespace camring {
namespace {

[[noreturn]] void refuse(std::string_view text, const char* what, const char* example) {
  throw std::invalid_argument("'" + std::string(text) + "' is no " + what + "; write " + example);
}

struct Quantity {
  double value = 0;
  std::string_view unit;
};

// A decimal number and the unit behind it. std::from_chars for double ignores the locale.
Quantity split(std::string_view text, const char* what, const char* example) {
  Quantity quantity;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data(), end, quantity.value, std::chars_format::fixed);
  if (result.ec != std::errc{} || !std::isfinite(quantity.value) || quantity.value < 0)
    refuse(text, what, example);
  quantity.unit = std::string_view(result.ptr, static_cast<std::size_t>(end - result.ptr));
  return quantity;
}

struct Unit {
  std::string_view name;
  double factor;
};

template <std::size_t N>
double scale(std::string_view text, const std::array<Unit, N>& units, const char* what, const char* example) {
  const Quantity quantity = split(text, what, example);
  if (quantity.unit.empty() && quantity.value == 0) return 0;
  for (const Unit& unit : units) {
    if (unit.name == quantity.unit) {
      const double scaled = quantity.value * unit.factor;
      if (scaled > 9e18) refuse(text, what, example);
      return scaled;
    }
  }
  refuse(text, what, example);
}

}  // namespace

std::chrono::nanoseconds parse_duration(std::string_view text) {
  static constexpr std::array<Unit, 7> kUnits{
      {{"ns", 1}, {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"min", 60e9}, {"h", 3600e9}}};
  return std::chrono::nanoseconds(
      std::llround(scale(text, kUnits, "duration", "a number with its unit, e.g. 200ms, 1.5s or 2m")));
}

std::uint64_t parse_bitrate(std::string_view text) {
  static constexpr std::array<Unit, 4> kUnits{{{"k", 1e3}, {"K", 1e3}, {"M", 1e6}, {"G", 1e9}}};
  return static_cast<std::uint64_t>(
      std::llround(scale(text, kUnits, "bit rate", "a number with its unit, e.g. 500k or 4M")));
}

std::uint64_t parse_bytes(std::string_view text) {
  static constexpr double kKi = 1024;
  static constexpr std::array<Unit, 11> kUnits{{{"B", 1},
                                                {"k", kKi},
                                                {"K", kKi},
                                                {"KiB", kKi},
                                                {"kB", 1e3},
                                                {"M", kKi * kKi},
                                                {"MiB", kKi * kKi},
                                                {"MB", 1e6},
                                                {"G", kKi * kKi * kKi},
                                                {"GiB", kKi * kKi * kKi},
                                                {"GB", 1e9}}};
  return static_cast<std::uint64_t>(
      std::llround(scale(text, kUnits, "size in bytes", "a number with its unit, e.g. 64k or 16M")));
}

std::int64_t parse_int(std::string_view text, std::int64_t min, std::int64_t max) {
  std::int64_t value = 0;
  const auto result = std::from_chars(text.data(), text.data() + text.size(), value);
  if (result.ec != std::errc{} || result.ptr != text.data() + text.size() || value < min || value > max) {
    throw std::invalid_argument("'" + std::string(text) + "' is not a whole number from " +
                                std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

Size parse_size(std::string_view text) {
  static constexpr const char* kExample = "WIDTHxHEIGHT in pixels up to 16384x16384, e.g. 1280x720";
  const auto x = text.find('x');
  if (x == std::string_view::npos) refuse(text, "frame size", kExample);
  try {
    return {static_cast<std::uint32_t>(parse_int(text.substr(0, x), 1, 16384)),
            static_cast<std::uint32_t>(parse_int(text.substr(x + 1), 1, 16384))};
  } catch (const std::invalid_argument&) {
    refuse(text, "frame size", kExample);
  }
}

Rate parse_rate(std::string_view text) {
  static constexpr const char* kExample =
      "frames a second above 0 and up to 1000, e.g. 30, 29.97 or 30000/1001";
  Rate rate;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    try {
      rate.num = static_cast<std::uint32_t>(parse_int(text.substr(0, slash), 1, 1'000'000'000));
      rate.den = static_cast<std::uint32_t>(parse_int(text.substr(slash + 1), 1, 1'000'000'000));
    } catch (const std::invalid_argument&) {
      refuse(text, "frame rate", kExample);
    }
  } else {
    const Quantity quantity = split(text, "frame rate", kExample);
    if (!quantity.unit.empty() || quantity.value <= 0 || quantity.value > 1000)
      refuse(text, "frame rate", kExample);
    // The NTSC family: people write 23.976, 29.97, 59.94 and mean N*1000/1001.
    const double ntsc = quantity.value * 1001 / 1000;
    if (std::abs(ntsc - std::round(ntsc)) < 0.003 &&
        std::abs(quantity.value - std::round(quantity.value)) > 0.01) {
      rate = {static_cast<std::uint32_t>(std::lround(ntsc)) * 1000, 1001};
    } else {
      rate = {static_cast<std::uint32_t>(std::lround(quantity.value * 1000)), 1000};
    }
  }
  if (rate.num == 0 || rate.fps() > 1000) refuse(text, "frame rate", kExample);
  const std::uint32_t divisor = std::gcd(rate.num, rate.den);
  return {rate.num / divisor, rate.den / divisor};
}

std::string to_string(Size size) { return std::to_string(size.width) + "x" + std::to_string(size.height); }

std::string to_string(Rate rate) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%.5g", rate.fps());
  return text.data();
}

std::string duration_text(std::chrono::nanoseconds duration) {
  const double ns = static_cast<double>(duration.count());
  std::array<char, 48> text{};
  if (ns >= 1e9)
    std::snprintf(text.data(), text.size(), "%.4gs", ns / 1e9);
  else if (ns >= 1e6)
    std::snprintf(text.data(), text.size(), "%.4gms", ns / 1e6);
  else
    std::snprintf(text.data(), text.size(), "%.4gus", ns / 1e3);
  return text.data();
}

std::string bytes_text(std::uint64_t bytes) {
  static constexpr std::array<const char*, 5> kNames{"B", "kB", "MB", "GB", "TB"};
  double value = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (value >= 1000 && unit + 1 < kNames.size()) {
    value /= 1000;
    ++unit;
  }
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), unit == 0 || value >= 100 ? "%.0f %s" : "%.1f %s", value,
                kNames[unit]);
  return text.data();
}

}  // namespace camring
