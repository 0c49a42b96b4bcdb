#include "sse/scanner.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace bench {
namespace {

// The number behind "name": in a line of JSON; 0 without one.
double number_in(std::string_view json, std::string_view name) noexcept {
  const std::size_t at = json.find(name);
  return at == std::string_view::npos ? 0 : std::strtod(json.data() + at + name.size(), nullptr);
}

}  // namespace

void Scanner::line_ended(std::int64_t now_ns, LoadResult& result) noexcept {
  line_[filled_] = '\0';  // strtod() stops there
  const std::string_view line(line_.data(), filled_);
  if (line.empty()) {
    if (is_fragment_) {
      ++result.fragments;
      has_fragment_ = true;
      if (capture_ms_ > 0) result.ages.add(now_ns - static_cast<std::int64_t>(capture_ms_ * 1000) * 1000);
    }
    is_fragment_ = false;
  } else if (line.starts_with("event: ")) {
    is_fragment_ = line == "event: fragment";
    if (line == "event: gap") ++result.gaps;
  } else if (is_fragment_ && line.starts_with("data: {")) {
    const auto sequence = static_cast<std::uint64_t>(number_in(line, "\"seq\":"));
    if (sequence_ != 0 && sequence > sequence_ + 1) result.missing += sequence - sequence_ - 1;
    sequence_ = sequence;
    capture_ms_ = number_in(line, "\"capture\":");
  }
}

void Scanner::take(std::span<const char> bytes, std::int64_t now_ns, LoadResult& result) noexcept {
  while (!bytes.empty()) {
    const void* const found = std::memchr(bytes.data(), '\n', bytes.size());
    const std::size_t size = found != nullptr
                                 ? static_cast<std::size_t>(static_cast<const char*>(found) - bytes.data())
                                 : bytes.size();
    const std::size_t kept = std::min(size, line_.size() - 1 - filled_);
    std::memcpy(line_.data() + filled_, bytes.data(), kept);
    filled_ = static_cast<std::uint16_t>(filled_ + kept);
    if (found == nullptr) return;
    line_ended(now_ns, result);
    filled_ = 0;
    bytes = bytes.subspan(size + 1);
  }
}

}  // namespace bench
