// RTSP 1.0 messages (RFC 2326) and the frames interleaved with them (section 10.12), out of a byte stream.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace camring::rtp {

/// A request, or a response (then `status` is set and `method` empty).
struct RtspMessage {
  std::string method, url;
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case, values trimmed
  std::string body;
  /// The first value of a header; empty when it is not there.
  [[nodiscard]] std::string_view header(std::string_view lower_case_name) const noexcept;
  [[nodiscard]] std::optional<std::uint32_t> cseq() const noexcept;
};

/// One frame of RTP or RTCP between messages; points into the parser's buffer.
struct InterleavedFrame {
  std::uint8_t channel = 0;
  std::span<const std::uint8_t> payload;
};

/// Cuts what a peer sends into messages and frames. Holds no more than its limits. One thread at a time.
class RtspParser {
 public:
  /// @param max_header  bytes of a message's start line and headers
  /// @param max_body    bytes of a message's body
  explicit RtspParser(std::size_t max_header = 8192, std::size_t max_body = 65536)
      : max_header_(max_header), max_body_(max_body) {}

  enum class Result {
    more,     ///< feed more bytes
    message,  ///< message() is whole
    frame,    ///< frame() is whole, until the next call of feed or next
    bad,      ///< no RTSP, or too large: error_status() says what to answer before closing
  };

  void feed(std::span<const std::uint8_t> bytes);
  [[nodiscard]] Result next();
  [[nodiscard]] RtspMessage& message() noexcept { return message_; }
  [[nodiscard]] const InterleavedFrame& frame() const noexcept { return frame_; }
  [[nodiscard]] int error_status() const noexcept { return error_status_; }

 private:
  Result bad(int status) noexcept;
  Result parse_head(std::string_view head);

  std::size_t max_header_, max_body_;
  std::vector<std::uint8_t> buffer_;
  std::size_t begin_ = 0, scanned_ = 0;
  std::size_t body_bytes_ = 0;
  bool head_done_ = false;
  RtspMessage message_;
  InterleavedFrame frame_;
  int error_status_ = 0;
};

/// The words that go with a status code; "" for an unknown one.
[[nodiscard]] std::string_view rtsp_reason(int status) noexcept;

/// An absolute rtsp:// or rtsps:// URL, or "*", taken apart.
struct RtspUrl {
  std::string path;   ///< decoded, with a leading slash; empty for "*"
  std::string query;  ///< after the "?", as it came
};
/// Empty for anything else, for a bad escape and for control characters.
[[nodiscard]] std::optional<RtspUrl> parse_rtsp_url(std::string_view url);

}  // namespace camring::rtp
