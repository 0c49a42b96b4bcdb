// What comes from command lines, environments and files: values with units, places to listen at.
#include <cstdint>
#include <stdexcept>
#include <string_view>

#include "base/units.h"
#include "net/listen.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto attempt = [&](auto parse) {
    try {
      (void)parse(text);
    } catch (const std::invalid_argument&) {
    }
  };
  attempt(camring::parse_duration);
  attempt(camring::parse_size);
  attempt(camring::parse_rate);
  attempt(camring::parse_bitrate);
  attempt(camring::parse_bytes);
  attempt(camring::net::parse_listen);
  return 0;
}
