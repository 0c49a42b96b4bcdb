#include "rtp/rtsp_message.h"

#include <algorithm>
#include <charconv>
#include <cstring>

namespace camring::rtp {
namespace {

constexpr std::size_t kMaxHeaders = 64;

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool token(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  });
}

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  }
  return out;
}

template <class T>
std::optional<T> number(std::string_view text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// "RTSP/1.0"; other versions are told apart from what is no RTSP at all.
bool is_version(std::string_view text) {
  return text.starts_with("RTSP/") && text.size() == 8 && text[6] == '.';
}

int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string_view RtspMessage::header(std::string_view name) const noexcept {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return {};
}

std::optional<std::uint32_t> RtspMessage::cseq() const noexcept {
  return number<std::uint32_t>(header("cseq"));
}

void RtspParser::feed(std::span<const std::uint8_t> bytes) {
  if (begin_ == buffer_.size()) {
    buffer_.clear();
    begin_ = scanned_ = 0;
  } else if (begin_ > 65536) {
    buffer_.erase(buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(begin_));
    scanned_ -= begin_;
    begin_ = 0;
  }
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
}

RtspParser::Result RtspParser::bad(int status) noexcept {
  error_status_ = status;
  return Result::bad;
}

RtspParser::Result RtspParser::next() {
  if (error_status_ != 0) return Result::bad;
  if (!head_done_) {
    // Line ends between messages are no fault (RFC 2326, section 4.1).
    while (begin_ < buffer_.size() && (buffer_[begin_] == '\r' || buffer_[begin_] == '\n')) ++begin_;
    scanned_ = std::max(scanned_, begin_);
    const std::size_t have = buffer_.size() - begin_;
    if (have == 0) return Result::more;
    if (buffer_[begin_] == '$') {
      if (have < 4) return Result::more;
      const std::size_t size = static_cast<std::size_t>(buffer_[begin_ + 2] << 8 | buffer_[begin_ + 3]);
      if (have < 4 + size) return Result::more;
      frame_ = {buffer_[begin_ + 1], std::span(buffer_).subspan(begin_ + 4, size)};
      begin_ += 4 + size;
      scanned_ = begin_;
      return Result::frame;
    }
    const std::string_view text(reinterpret_cast<const char*>(buffer_.data()) + begin_, have);
    // No more is looked at twice than the three bytes that may begin the end.
    const std::size_t from = std::max(scanned_ - begin_, std::size_t{3}) - 3;
    std::size_t end = text.find("\r\n\r\n", from);
    std::size_t gap = 4;
    if (const std::size_t bare = text.find("\n\n", from); bare < end) {  // some clients end lines so
      end = bare;
      gap = 2;
    }
    scanned_ = buffer_.size();
    if (end == std::string_view::npos) return have > max_header_ ? bad(400) : Result::more;
    if (end > max_header_) return bad(400);
    message_ = {};
    if (const Result result = parse_head(text.substr(0, end)); result == Result::bad) return result;
    begin_ += end + gap;
    scanned_ = begin_;
    head_done_ = true;
  }
  if (buffer_.size() - begin_ < body_bytes_) return Result::more;
  message_.body.assign(reinterpret_cast<const char*>(buffer_.data()) + begin_, body_bytes_);
  begin_ += body_bytes_;
  scanned_ = begin_;
  head_done_ = false;
  return Result::message;
}

RtspParser::Result RtspParser::parse_head(std::string_view head) {
  if (head.find('\0') != std::string_view::npos) return bad(400);
  std::size_t line_end = head.find('\n');
  std::string_view line = head.substr(0, line_end);
  if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
  const std::size_t first = line.find(' ');
  const std::size_t last = line.rfind(' ');
  if (first == std::string_view::npos) return bad(400);
  if (is_version(line.substr(0, first))) {
    const auto status = number<int>(line.substr(first + 1, 3));
    if (!status || *status < 100 || *status > 999) return bad(400);
    message_.status = *status;
  } else {
    if (first == last || !token(line.substr(0, first)) || !is_version(line.substr(last + 1))) return bad(400);
    if (line.substr(last + 1) != "RTSP/1.0") return bad(505);
    message_.method = line.substr(0, first);
    message_.url = trim(line.substr(first + 1, last - first - 1));
  }
  while (line_end != std::string_view::npos) {
    head.remove_prefix(line_end + 1);
    line_end = head.find('\n');
    line = head.substr(0, line_end);
    if (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    if ((line.front() == ' ' || line.front() == '\t') && !message_.headers.empty()) {  // a folded line
      message_.headers.back().second += " " + std::string(trim(line));
      continue;
    }
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos || !token(line.substr(0, colon))) return bad(400);
    if (message_.headers.size() >= kMaxHeaders) return bad(400);
    message_.headers.emplace_back(lower(line.substr(0, colon)), trim(line.substr(colon + 1)));
  }
  body_bytes_ = 0;
  if (const std::string_view length = message_.header("content-length"); !length.empty()) {
    const auto bytes = number<std::size_t>(length);
    if (!bytes) return bad(400);
    if (*bytes > max_body_) return bad(413);
    body_bytes_ = *bytes;
  }
  return Result::message;
}

std::string_view rtsp_reason(int status) noexcept {
  switch (status) {
    case 200:
      return "OK";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 406:
      return "Not Acceptable";
    case 408:
      return "Request Timeout";
    case 413:
      return "Request Entity Too Large";
    case 451:
      return "Parameter Not Understood";
    case 453:
      return "Not Enough Bandwidth";
    case 454:
      return "Session Not Found";
    case 455:
      return "Method Not Valid in This State";
    case 459:
      return "Aggregate Operation Not Allowed";
    case 461:
      return "Unsupported Transport";
    case 500:
      return "Internal Server Error";
    case 501:
      return "Not Implemented";
    case 503:
      return "Service Unavailable";
    case 505:
      return "RTSP Version Not Supported";
    case 551:
      return "Option Not Supported";
    default:
      return "";
  }
}

std::optional<RtspUrl> parse_rtsp_url(std::string_view url) {
  RtspUrl parsed;
  if (url == "*") return parsed;
  const std::size_t end = url.find("://");
  const std::string scheme = end == std::string_view::npos ? std::string() : lower(url.substr(0, end));
  if (scheme == "rtsp" || scheme == "rtsps" || scheme == "rtspu") {
    url.remove_prefix(end + 3);
    const std::size_t slash = url.find('/');
    url = slash == std::string_view::npos ? std::string_view("/") : url.substr(slash);
  } else if (!url.starts_with('/')) {
    return std::nullopt;
  }
  const std::size_t question = url.find('?');
  if (question != std::string_view::npos) parsed.query = url.substr(question + 1);
  const std::string_view path = url.substr(0, question);
  for (std::size_t i = 0; i < path.size(); ++i) {
    char c = path[i];
    if (c == '%') {
      if (i + 2 >= path.size() || hex(path[i + 1]) < 0 || hex(path[i + 2]) < 0) return std::nullopt;
      c = static_cast<char>(hex(path[i + 1]) * 16 + hex(path[i + 2]));
      i += 2;
    }
    if (static_cast<unsigned char>(c) < 32 || c == 127) return std::nullopt;
    parsed.path += c;
  }
  return parsed;
}

}  // namespace camring::rtp
