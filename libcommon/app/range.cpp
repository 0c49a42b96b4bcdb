#include "app/range.h"

#include <array>
#include <charconv>
#include <cmath>
#include <stdexcept>

namespace camring::app {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

[[noreturn]] void refuse(std::string_view text) {
  throw std::invalid_argument(
      "'" + std::string(text) +
      "' is no range; write 10 (alert outside 0 to 10), 10: (below 10), ~:10 (above 10), "
      "10:20 (outside) or @10:20 (inside)");
}

double number(std::string_view part, std::string_view whole) {
  double value = 0;
  const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
  if (error != std::errc() || end != part.data() + part.size() || !std::isfinite(value)) refuse(whole);
  return value;
}

std::string number_text(double value) {
  // As many digits as it takes to read the same back, and no exponent, which perfdata does not know.
  std::array<char, 400> text{};
  return {text.data(),
          std::to_chars(text.data(), text.data() + text.size(), value, std::chars_format::fixed).ptr};
}

}  // namespace

Range parse_range(std::string_view text) {
  Range range;
  std::string_view rest = text;
  if (rest.starts_with('@')) {
    range.inside = true;
    rest.remove_prefix(1);
  }
  const auto colon = rest.find(':');
  if (colon == std::string_view::npos) {
    range.end = number(rest, text);
  } else {
    const auto start = rest.substr(0, colon), end = rest.substr(colon + 1);
    if (start == "~")
      range.start = -kInfinity;
    else if (!start.empty())
      range.start = number(start, text);
    if (!end.empty()) range.end = number(end, text);
  }
  if (range.start > range.end) refuse(text);
  return range;
}

std::string to_string(const Range& range) {
  std::string text = range.inside ? "@" : "";
  if (std::isinf(range.start))
    text += "~:";
  else if (range.start != 0 || std::isinf(range.end))
    text += number_text(range.start) + ":";
  return std::isinf(range.end) ? text : text + number_text(range.end);
}

}  // namespace camring::app
