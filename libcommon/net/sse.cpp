#include "net/sse.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "net/base64.h"

namespace camring::net {
namespace {

constexpr std::string_view kRetry = "retry: ", kId = "id: ", kName = "event: ", kData = "data: ",
                           kComment = ": ";  // one space is taken off again, so that one of the value's stays

// Takes the first line and its end off; false when there is none left. "a\n" is two lines, "" is one. Looks
// for one character at a time: memchr is many times faster than a comparison of each with both.
class Lines {
 public:
  explicit Lines(std::string_view text) noexcept : rest_(text), feed_(text.find('\n')) {}
  [[nodiscard]] bool next(std::string_view& line) noexcept {
    if (done_) return false;
    const std::size_t end = std::min(feed_, rest_.substr(0, feed_).find('\r'));
    line = rest_.substr(0, end);
    done_ = end == std::string_view::npos;
    if (done_) return true;
    const std::size_t gone = end + (rest_.substr(end).starts_with("\r\n") ? 2 : 1);
    rest_.remove_prefix(gone);
    if (feed_ != std::string_view::npos) feed_ = feed_ >= gone ? feed_ - gone : rest_.find('\n');
    return true;
  }

 private:
  std::string_view rest_;
  std::size_t feed_;  // the first line feed in the rest
  bool done_ = false;
};

bool is_one_line(std::string_view text) noexcept {
  return text.find('\n') == std::string_view::npos && text.find('\r') == std::string_view::npos;
}

bool is_valid(const SseEvent& event) noexcept {
  if (!is_one_line(event.name) || (event.retry && event.retry->count() < 0)) return false;
  return !event.id || (is_one_line(*event.id) && event.id->find('\0') == std::string_view::npos);
}

struct Number {
  std::array<char, 24> digits{};
  std::size_t size = 0;
  explicit Number(std::int64_t value) noexcept
      : size(static_cast<std::size_t>(std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr -
                                      digits.data())) {}
  [[nodiscard]] std::string_view text() const noexcept { return {digits.data(), size}; }
};

// What goes where, said once: with a sink that counts, and with one that writes.
template <class Sink>
void compose(const SseEvent& event, Sink& out) {
  std::string_view line;
  if (!event.comment.empty()) {
    for (Lines lines(event.comment); lines.next(line);) out.line(kComment, line);
  }
  if (event.retry) out.line(kRetry, Number(event.retry->count()).text());
  if (event.id) out.line(kId, *event.id);
  if (!event.name.empty()) out.line(kName, event.name);
  if (event.data) {
    for (Lines lines(*event.data); lines.next(line);) out.line(kData, line);
  }
  if (!event.binary.empty()) out.base64_line(kData, event.binary);
  out.line({}, {});
}

struct Counter {
  std::size_t size = 0;
  void line(std::string_view field, std::string_view value) noexcept {
    size += field.size() + value.size() + 1;
  }
  void base64_line(std::string_view field, std::span<const std::uint8_t> bytes) noexcept {
    size += field.size() + base64_size(bytes.size()) + 1;
  }
};

struct Writer {
  char* at;
  void text(std::string_view value) noexcept {
    if (!value.empty()) std::memcpy(at, value.data(), value.size());
    at += value.size();
  }
  void line(std::string_view field, std::string_view value) noexcept {
    text(field);
    text(value);
    *at++ = '\n';
  }
  void base64_line(std::string_view field, std::span<const std::uint8_t> bytes) noexcept {
    text(field);
    encode_base64(bytes, at);
    at += base64_size(bytes.size());
    *at++ = '\n';
  }
};

}  // namespace

std::optional<std::size_t> sse_size(const SseEvent& event) noexcept {
  if (!is_valid(event)) return std::nullopt;
  Counter counter;
  compose(event, counter);
  return counter.size;
}

bool write_sse(const SseEvent& event, std::span<std::uint8_t> out) noexcept {
  const auto size = sse_size(event);
  if (!size || out.size() < *size) return false;
  Writer writer{reinterpret_cast<char*>(out.data())};
  compose(event, writer);
  return true;
}

bool write_sse(const SseEvent& event, std::vector<std::uint8_t>& out) {
  const auto size = sse_size(event);
  if (!size) return false;
  out.resize(*size);
  return write_sse(event, std::span(out));
}

}  // namespace camring::net
