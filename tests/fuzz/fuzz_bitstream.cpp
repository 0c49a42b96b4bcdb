// H.264 and HEVC access units as they come from cameras and networks.
#include <cstdint>

#include "av/bitstream.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto codec = (data[0] & 1) != 0 ? camring::Codec::hevc : camring::Codec::h264;
  camring::av::StreamInspector inspector(codec);
  (void)inspector.inspect({data + 1, size - 1});
  (void)inspector.inspect({data + 1, (size - 1) / 2});
  (void)inspector.size();
  return 0;
}
