#include "rtp/transport.h"

#include <algorithm>
#include <charconv>

namespace camring::rtp {
namespace {

constexpr std::size_t kMaxOffers = 16;

std::string_view take(std::string_view& text, char end) {
  const std::size_t at = text.find(end);
  const std::string_view part = text.substr(0, at);
  text = at == std::string_view::npos ? std::string_view() : text.substr(at + 1);
  return part;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '"')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '"')) text.remove_suffix(1);
  return text;
}

bool same(std::string_view a, std::string_view upper) {
  return std::equal(a.begin(), a.end(), upper.begin(), upper.end(),
                    [](char x, char y) { return x == y || (x >= 'a' && x <= 'z' && x - 32 == y); });
}

// "5000" or "5000-5001"; without the second number it is the one after the first.
std::optional<std::pair<unsigned, unsigned>> range(std::string_view text, unsigned max) {
  unsigned first = 0, second = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, first);
  if (error != std::errc{}) return std::nullopt;
  second = first + 1;
  if (at != end) {
    if (*at != '-') return std::nullopt;
    const auto [stop, wrong] = std::from_chars(at + 1, end, second);
    if (wrong != std::errc{} || stop != end) return std::nullopt;
  }
  if (first > max || second > max) return std::nullopt;
  return std::pair(first, second);
}

std::optional<Transport> parse_offer(std::string_view offer) {
  Transport transport;
  const std::string_view profile = trim(take(offer, ';'));
  if (same(profile, "RTP/AVP/TCP")) {
    transport.kind = Transport::Kind::tcp;
  } else if (same(profile, "RTP/SAVP/TCP")) {
    transport.kind = Transport::Kind::tcp;
    transport.secure = true;
  } else if (same(profile, "RTP/SAVP") || same(profile, "RTP/SAVP/UDP")) {
    transport.secure = true;
  } else if (!same(profile, "RTP/AVP") && !same(profile, "RTP/AVP/UDP")) {
    return std::nullopt;
  }
  bool unicast = false;
  while (!offer.empty()) {
    std::string_view value = trim(take(offer, ';'));
    const std::string_view key = take(value, '=');
    value = trim(value);
    if (same(key, "UNICAST")) unicast = true;
    if (same(key, "MULTICAST")) transport.kind = Transport::Kind::multicast;
    if (same(key, "DESTINATION")) transport.destination = value;
    if (same(key, "MODE")) transport.record = same(value, "RECORD");
    if (same(key, "INTERLEAVED")) {
      const auto channels = range(value, 255);
      if (!channels || channels->second != channels->first + 1) return std::nullopt;
      transport.channel = static_cast<std::uint8_t>(channels->first);
    }
    if (same(key, "CLIENT_PORT") || same(key, "PORT")) {
      const auto ports = range(value, 65535);
      if (!ports) return std::nullopt;
      transport.rtp_port = static_cast<std::uint16_t>(ports->first);
      transport.rtcp_port = static_cast<std::uint16_t>(ports->second);
    }
  }
  // RFC 2326 makes multicast the default; no client that names its ports means that.
  if (transport.kind == Transport::Kind::udp && !unicast && !transport.rtp_port) {
    transport.kind = Transport::Kind::multicast;
  }
  return transport;
}

}  // namespace

std::vector<Transport> parse_transport(std::string_view header) {
  std::vector<Transport> offers;
  while (!header.empty() && offers.size() < kMaxOffers) {
    if (auto offer = parse_offer(take(header, ','))) offers.push_back(std::move(*offer));
  }
  return offers;
}

}  // namespace camring::rtp
