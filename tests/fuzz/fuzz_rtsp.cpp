// What an RTSP client may send: requests, Transport headers, URLs, credentials, interleaved RTCP; in one
// piece and byte by byte with the same result.
#include <cstdint>
#include <string>

#include "net/digest.h"
#include "rtp/rtcp.h"
#include "rtp/rtsp_message.h"
#include "rtp/transport.h"

namespace {

using camring::rtp::RtspParser;

std::string read_all(const std::uint8_t* data, std::size_t size, std::size_t step) {
  RtspParser parser(2048, 4096);
  std::string seen;
  for (std::size_t at = 0; at < size; at += step) {
    parser.feed({data + at, std::min(step, size - at)});
    for (;;) {
      const auto result = parser.next();
      if (result == RtspParser::Result::more) break;
      if (result == RtspParser::Result::bad) return seen + "bad";
      if (result == RtspParser::Result::frame) {
        const auto& frame = parser.frame();
        (void)camring::rtp::parse_rtcp(frame.payload, 0x01020304);
        seen += "f" + std::to_string(frame.channel) + ":" + std::to_string(frame.payload.size());
        continue;
      }
      auto& message = parser.message();
      (void)camring::rtp::parse_rtsp_url(message.url);
      (void)camring::rtp::parse_transport(message.header("transport"));
      (void)camring::net::parse_digest(message.header("authorization"));
      seen += "m" + message.method + message.url + std::to_string(message.headers.size()) + message.body;
    }
  }
  return seen;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0 || size > 20'000) return 0;
  // A header that is too long is noticed sooner or later, as it comes: of such only survival is asked.
  const std::string whole = read_all(data, size, size);
  const std::string bytes = read_all(data, size, 1);
  if (!whole.ends_with("bad") && !bytes.ends_with("bad") && whole != bytes) __builtin_trap();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& offer : camring::rtp::parse_transport(text)) {
    if (offer.channel && *offer.channel == 255) __builtin_trap();
  }
  (void)camring::rtp::parse_rtsp_url(text);
  if (const auto fields = camring::net::parse_digest(text)) (void)camring::net::digest_algorithm(*fields);
  return 0;
}
