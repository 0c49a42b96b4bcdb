// Parameter sets and access units on their way into MP4: first a byte of options, then both, split where the
// second byte says. What is written must be whole boxes of the size that was announced.
#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "av/fmp4.h"
#include "base/error.h"

namespace {

using namespace camring::av;

// The size of the boxes in `bytes`; traps where one is none.
void check_boxes(std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    if (bytes.size() < 8) __builtin_trap();
    const std::size_t size =
        std::size_t{bytes[0]} << 24 | std::size_t{bytes[1]} << 16 | std::size_t{bytes[2]} << 8 | bytes[3];
    if (size < 8 || size > bytes.size()) __builtin_trap();
    bytes = bytes.subspan(size);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::uint8_t options = data[0];
  const std::span<const std::uint8_t> rest(data + 2, size - 2);
  const std::size_t at = std::min<std::size_t>(data[1], rest.size());
  const auto codec = (options & 1) != 0 ? camring::Codec::hevc : camring::Codec::h264;
  try {
    Fmp4Writer writer(codec, {640, 480}, rest.first(at));
    check_boxes(writer.init_segment());
    const Fmp4Sample samples[] = {{rest.subspan(at), 3000, (options & 2) != 0, (options & 4) != 0 ? -1 : 0},
                                  {rest, 3000, false, 0}};
    const std::string text(reinterpret_cast<const char*>(rest.data()), at);
    Fmp4Event event;
    event.scheme = text;
    event.data = rest;
    Fmp4Fragment fragment;
    fragment.samples = std::span(samples).first((options & 8) != 0 ? 2 : 1);
    fragment.segment_type = (options & 16) != 0;
    if ((options & 32) != 0) fragment.capture_wall_ns = static_cast<std::int64_t>(size) << (options >> 2);
    if ((options & 64) != 0) fragment.events = {&event, 1};
    if (writer.plan(fragment) != Fmp4Fault::none) return 0;
    std::vector<std::uint8_t> out(writer.size());
    if (!writer.write(std::span(out))) __builtin_trap();
    check_boxes(out);
  } catch (const camring::Error&) {  // no parameter sets that one can use
  }
  return 0;
}
