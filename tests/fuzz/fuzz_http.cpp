// What comes from HTTP clients: request targets with their queries, Authorization headers.
#include <cstdint>
#include <string_view>

#include "net/http.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto target = camring::net::parse_target(text)) (void)target->get("fps");
  (void)camring::net::parse_basic(text);
  (void)camring::net::problem(400, std::string(text));
  return 0;
}
