// What clients of sseserve send: targets with queries, bodies of POSTs, headers. The first byte says what the
// rest is.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>
#include <string_view>

#include "ring/ring_name.h"
#include "wishes.h"

namespace {

using namespace camring;
using namespace camring::sseserve;

void check_name(const std::string& name) {
  if (!name.empty() && !is_ring_name(name)) std::abort();
}

void stream(std::string_view text) {
  const auto target = net::parse_target(text);
  if (!target) return;
  const auto place = read_place(target->path);
  if (!place) return;
  const StreamWish wish = read_stream_wish(*place, *target);
  check_name(wish.connection_id);
  for (const Channel channel : {Channel::raw, Channel::annotated}) check_name(wish.quality_of(channel));
  if (wish.format != "fmp4" && wish.format != "jpeg") std::abort();
  (void)plays(wish.codecs, false);
}

void token(std::string_view text) {
  const std::string value(text);
  net::Request request;
  request.headers = {{"authorization", value}, {"cookie", value}};
  if (read_token(request).size() > value.size()) std::abort();
  request.headers = {{"cookie", value}};
  if (read_token(request).find(';') != std::string::npos) std::abort();
}

void body(std::uint8_t kind, std::string_view text) {
  if (kind == 0) {
    check_name(read_subscribe(text).quality);
  } else if (kind == 1) {
    const SwitchWish wish = read_switch(text);
    check_name(wish.connection_id);
    check_name(wish.quality);
    if (wish.connection_id.empty() || (!wish.channel && wish.quality.empty())) std::abort();
  } else if (read_token_renewal(text).empty()) {
    std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  try {
    switch (data[0] % 6) {
      case 0:
        stream(text);
        break;
      case 1:
        token(text);
        break;
      case 2:
        if (const auto mark = read_event_id(text, "cam0-raw-");
            mark && read_event_id("cam0-raw-" + event_id_end(*mark), "cam0-raw-") != mark)
          std::abort();
        break;
      default:
        body(static_cast<std::uint8_t>(data[0] % 6 - 3), text);
    }
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
