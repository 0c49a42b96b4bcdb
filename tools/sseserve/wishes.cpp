#include "wishes.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <stdexcept>

#include "net/strict_json.h"
#include "ring/ring_name.h"

namespace camring::sseserve {
namespace {

constexpr std::string_view kStreams = "/streams/sse/";
constexpr std::string_view kPlain = "/streams/fmp4/";
constexpr std::string_view kCookie = "camring_token=";
constexpr std::size_t kMaxCodecs = 256;
constexpr const char* kChannelQuality[kChannels] = {"raw_quality", "annotated_quality"};

[[noreturn]] void refuse(const std::string& what, const std::string& why) {
  throw std::invalid_argument(what + ": " + why);
}

Channel channel_in(const std::string& what, std::string_view text) {
  const auto channel = channel_from(text);
  if (!channel) refuse(what, "it is raw or annotated");
  return *channel;
}

std::string name_in(const std::string& what, std::string text) {
  if (!text.empty() && !is_ring_name(text)) refuse(what, "up to 64 of the characters A-Z a-z 0-9 . _ -");
  return text;
}

// Once, so that no two readers of a request see two different things. Empty: not said.
std::string parameter(const net::Target& target, const std::string& name) {
  const auto named = [&](const net::Header& one) { return one.first == name; };
  if (std::count_if(target.query.begin(), target.query.end(), named) > 1)
    refuse(name, "given more than once");
  return target.get(name).value_or("");
}

using Texts = std::map<std::string, std::string>;

Texts texts_in(std::string_view body) {
  const auto object = net::parse_strict_object(body);
  const auto fits = [](const nlohmann::json& value) { return value.is_string() || value.is_null(); };
  if (!object || !std::all_of(object->begin(), object->end(), fits)) {
    throw std::invalid_argument(
        "the body is no JSON object of texts, each name once, e.g. "
        "{\"new_channel\":\"annotated\",\"connection_id\":\"…\"}");
  }
  Texts all;
  for (const auto& [name, value] : object->items()) {
    if (value.is_string()) all[name] = value.get<std::string>();
  }
  return all;
}

std::string text_of(const Texts& texts, const char* name) {
  const auto found = texts.find(name);
  return found == texts.end() ? std::string() : found->second;
}

std::string id_in(const Texts& texts) {
  std::string id = name_in("connection_id", text_of(texts, "connection_id"));
  if (id.empty()) refuse("connection_id", "it is needed; the event hello says it");
  return id;
}

std::string bearer_in(std::string_view header) {
  constexpr std::string_view kBearer = "bearer ";
  if (header.size() <= kBearer.size()) return {};
  const auto same = [](char a, char b) { return (a >= 'A' && a <= 'Z' ? a + 32 : a) == b; };
  if (!std::equal(kBearer.begin(), kBearer.end(), header.begin(), [&](char b, char a) { return same(a, b); }))
    return {};
  header.remove_prefix(kBearer.size());
  while (header.starts_with(' ')) header.remove_prefix(1);
  return std::string(header);
}

std::string cookie_in(std::string_view cookies) {
  while (!cookies.empty()) {
    const auto end = cookies.find(';');
    std::string_view one = cookies.substr(0, end);
    while (one.starts_with(' ')) one.remove_prefix(1);
    if (one.starts_with(kCookie)) return std::string(one.substr(kCookie.size()));
    if (end == std::string_view::npos) break;
    cookies.remove_prefix(end + 1);
  }
  return {};
}

}  // namespace

std::optional<Place> read_place(std::string_view path) {
  Place place;
  place.plain = path.starts_with(kPlain);
  if (!place.plain && !path.starts_with(kStreams)) return std::nullopt;
  path.remove_prefix(place.plain ? kPlain.size() : kStreams.size());
  const auto slash = path.find('/');
  place.camera = std::string(path.substr(0, slash));
  if (slash != std::string_view::npos) place.what = std::string(path.substr(slash + 1));
  return place;
}

bool plays(std::string_view codecs, bool hevc) noexcept {
  const std::string_view wanted = hevc ? "hvc1" : "avc1";
  if (codecs.empty()) return true;
  for (;;) {
    const auto comma = codecs.find(',');
    std::string_view one = codecs.substr(0, comma);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    if (one.substr(0, one.find('.')) == wanted) return true;
    if (comma == std::string_view::npos) return false;
    codecs.remove_prefix(comma + 1);
  }
}

StreamWish read_stream_wish(const Place& place, const net::Target& target) {
  StreamWish wish;
  wish.channel = channel_from(place.what);
  if (const std::string initial = parameter(target, "initial_channel"); !initial.empty()) {
    const Channel named = channel_in("initial_channel", initial);
    if (wish.channel && named != *wish.channel) refuse("initial_channel", "of /dual alone");
    wish.channel = named;
  }
  wish.quality = name_in("quality", parameter(target, "quality"));
  for (std::size_t i = 0; i < kChannels; ++i)
    wish.qualities[i] = name_in(kChannelQuality[i], parameter(target, kChannelQuality[i]));
  if (const std::string format = parameter(target, "format"); !format.empty()) {
    if (place.plain || (format != "fmp4" && format != "jpeg"))
      refuse("format", "fmp4 or jpeg, of events alone");
    wish.format = format;
  }
  wish.codecs = parameter(target, "codecs");
  if (wish.codecs.size() > kMaxCodecs) refuse("codecs", "a list such as avc1,hvc1");
  wish.connection_id = name_in("connection_id", parameter(target, "connection_id"));
  return wish;
}

SubscribeWish read_subscribe(std::string_view body) {
  if (body.empty()) return {};
  const Texts texts = texts_in(body);
  SubscribeWish wish;
  if (const std::string channel = text_of(texts, "channel"); !channel.empty())
    wish.channel = channel_in("channel", channel);
  wish.quality = name_in("quality", text_of(texts, "quality"));
  return wish;
}

SwitchWish read_switch(std::string_view body) {
  const Texts texts = texts_in(body);
  SwitchWish wish;
  wish.connection_id = id_in(texts);
  if (texts.contains("new_channel")) wish.channel = channel_in("new_channel", text_of(texts, "new_channel"));
  wish.quality = name_in("quality", text_of(texts, "quality"));
  if (!wish.channel && wish.quality.empty()) refuse("new_channel", "it is needed, or quality");
  return wish;
}

std::string read_token_renewal(std::string_view body) { return id_in(texts_in(body)); }

std::optional<EventMark> read_event_id(std::string_view id, std::string_view begin) noexcept {
  if (!id.starts_with(begin)) return std::nullopt;
  const char* const end = id.data() + id.size();
  std::uint64_t published = 0;
  EventMark mark;
  const auto [dash, error] = std::from_chars(id.data() + begin.size(), end, published);
  if (error != std::errc() || dash == end || *dash != '-' || published > INT64_MAX) return std::nullopt;
  const auto [rest, second] = std::from_chars(dash + 1, end, mark.number);
  if (second != std::errc() || rest != end) return std::nullopt;
  mark.published_ns = static_cast<std::int64_t>(published);
  return mark;
}

std::string event_id_end(const EventMark& mark) {
  return std::to_string(mark.published_ns) + "-" + std::to_string(mark.number);
}

std::string read_token(const net::Request& request) {
  if (std::string token = bearer_in(request.header("authorization")); !token.empty()) return token;
  if (std::string token = request.target.get("access_token").value_or(""); !token.empty()) return token;
  return cookie_in(request.header("cookie"));
}

}  // namespace camring::sseserve
