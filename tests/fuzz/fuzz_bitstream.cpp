// H.264 and HEVC access units as they come from cameras and networks.
#include <cstdint>

#include "av/bitstream.h"
#include "av/h264_order.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const auto codec = (data[0] & 1) != 0 ? camring::Codec::hevc : camring::Codec::h264;
  camring::av::StreamInspector inspector(codec);
  (void)inspector.inspect({data + 1, size - 1});
  (void)inspector.inspect({data + 1, (size - 1) / 2});
  (void)inspector.size();
  camring::av::ReorderRepair repair;
  (void)repair.repair({data + 1, size - 1}, true);
  (void)repair.repair({data + 1, size - 1}, true);
  (void)repair.repair_extradata({data + 1, size - 1});
  // As one SPS: what is repaired must be readable, and need no repair.
  if (const auto repaired = camring::av::h264_sps_without_reordering({data + 1, size - 1})) {
    const auto order = camring::av::h264_order(*repaired);
    if (!order || order->reorder_frames != 0u) __builtin_trap();
    if (camring::av::h264_sps_without_reordering(*repaired)) __builtin_trap();
  }
  return 0;
}
