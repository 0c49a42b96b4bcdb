// RTCP from receivers.
#include <cstdint>

#include "rtp/rtcp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (const auto packet = camring::rtp::parse_rtcp({data, size}, 0x01020304); packet && packet->report) {
    const auto trip = camring::rtp::round_trip_seconds(*packet->report, 1'700'000'000'000'000'000);
    if (trip && *trip < 0) __builtin_trap();
  }
  return 0;
}
