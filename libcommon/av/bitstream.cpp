#include "av/bitstream.h"

#include <algorithm>
#include <array>
#include <cstring>

namespace camring::av {
namespace {

constexpr std::array<std::uint8_t, 4> kStartCode{0, 0, 0, 1};
enum H264 : int { kH264Slice = 1, kH264Idr = 5, kH264Sei = 6, kH264Sps = 7, kH264Pps = 8 };  // table 7-1
enum Hevc : int {
  kHevcBla = 16,
  kHevcCra = 21,
  kHevcLastVcl = 31,
  kHevcVps = 32,
  kHevcSps = 33,
  kHevcPps = 34
};  // table 7-1

// The position of the next 00 00 01 at or after `from`; bytes.size() when there is none.
std::size_t find_start_code(std::span<const std::uint8_t> bytes, std::size_t from) noexcept {
  const std::uint8_t* const begin = bytes.data();
  for (std::size_t i = from + 2; i < bytes.size(); ++i) {
    const void* one = std::memchr(begin + i, 1, bytes.size() - i);
    if (one == nullptr) break;
    i = static_cast<std::size_t>(static_cast<const std::uint8_t*>(one) - begin);
    if (begin[i - 1] == 0 && begin[i - 2] == 0) return i - 2;
  }
  return bytes.size();
}

}  // namespace

NalUnit next_nal(std::span<const std::uint8_t>& bytes) noexcept {
  while (true) {
    const std::size_t start = find_start_code(bytes, 0);
    if (start == bytes.size()) return bytes = {};
    const std::size_t begin = start + 3;
    const std::size_t next = find_start_code(bytes, begin);
    std::size_t end = next;
    while (end > begin && bytes[end - 1] == 0) --end;
    const NalUnit nal = bytes.subspan(begin, end - begin);
    bytes = bytes.subspan(next);
    if (!nal.empty() || bytes.empty()) return nal;  // start codes without a unit: as many as a stream likes
  }
}

int nal_type(Codec codec, NalUnit nal) noexcept {
  if (nal.empty()) return -1;
  return codec == Codec::h264 ? nal[0] & 0x1f : nal[0] >> 1 & 0x3f;
}

bool is_sps(Codec codec, NalUnit nal) noexcept {
  return nal_type(codec, nal) == (codec == Codec::h264 ? +kH264Sps : +kHevcSps);
}

bool is_pps(Codec codec, NalUnit nal) noexcept {
  return nal_type(codec, nal) == (codec == Codec::h264 ? +kH264Pps : +kHevcPps);
}

bool is_parameter_set(Codec codec, NalUnit nal) noexcept {
  return is_sps(codec, nal) || is_pps(codec, nal) ||
         (codec == Codec::hevc && nal_type(codec, nal) == kHevcVps);
}

bool is_slice(Codec codec, NalUnit nal) noexcept {
  const int type = nal_type(codec, nal);
  return codec == Codec::h264 ? type >= kH264Slice && type <= kH264Idr : type >= 0 && type <= kHevcLastVcl;
}

bool is_random_access(Codec codec, NalUnit nal) noexcept {
  const int type = nal_type(codec, nal);
  return codec == Codec::h264 ? type == kH264Idr : type >= kHevcBla && type <= kHevcCra;
}

StreamInspector::StreamInspector(Codec codec, std::span<const std::uint8_t> extradata)
    : codec_(codec), sets_(codec) {
  if (!extradata.empty()) (void)inspect(extradata);
}

// Walks to the first slice; true when the parameter sets before it differ from the ones in force.
bool StreamInspector::collect(std::span<const std::uint8_t> bytes, AccessUnit& unit) {
  bool sps = false, pps = false, recovers = false;
  found_.clear();
  while (!bytes.empty()) {
    const NalUnit nal = next_nal(bytes);
    if (is_slice(codec_, nal)) {
      unit.picture = true;
      const auto picture = sets_.picture_of(nal);
      unit.keyframe = recovers || is_random_access(codec_, nal) || (picture && picture->starts_anew);
      if (picture) size_ = picture->size;
      break;
    }
    // Streams without IDR pictures start at recovery points.
    if (codec_ == Codec::h264 && nal_type(codec_, nal) == kH264Sei)
      recovers = recovers || h264_recovery_point(nal);
    if (!is_parameter_set(codec_, nal)) continue;
    sets_.learn(nal);
    sps = sps || is_sps(codec_, nal);
    pps = pps || is_pps(codec_, nal);
    found_.insert(found_.end(), kStartCode.begin(), kStartCode.end());
    found_.insert(found_.end(), nal.begin(), nal.end());
  }
  unit.parameter_sets = sps && pps;
  return unit.parameter_sets && found_ != extradata_;
}

AccessUnit StreamInspector::inspect(std::span<const std::uint8_t> access_unit) {
  AccessUnit unit;
  if (access_unit.empty()) return unit;
  if (collect(access_unit, unit)) extradata_ = found_;
  return unit;
}

}  // namespace camring::av
