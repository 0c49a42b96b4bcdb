#include "av/sps.h"

#include <algorithm>

#include "av/bits.h"
#include "av/bitstream.h"

namespace camring::av {
namespace {

constexpr int kHevcFirstIrap = 16, kHevcLastIrap = 23;  // table 7-1
constexpr std::uint32_t kIntra = 2;                     // slice_type modulo 5: I
constexpr std::uint32_t kExtendedSar = 255;
constexpr std::uint32_t kMaxSide = 65536;
constexpr std::uint32_t kRecoveryPoint = 6;  // payloadType
constexpr std::array<std::uint32_t, 14> kHighProfiles{100, 110, 122, 144, 244, 44,  83,
                                                      86,  118, 128, 138, 139, 134, 135};
constexpr std::uint32_t kMaxSps = 32, kMaxPps = 256;
// Enough of a slice or a PPS for the numbers it begins with, emulation prevention bytes among them.
constexpr std::size_t kHead = 24;

void skip_scaling_list(BitReader& in, int size) {
  std::int32_t last = 8, next = 8;
  for (int i = 0; i < size && in.ok(); ++i) {
    if (next != 0) next = (last + in.se() % 256 + 512) % 256;
    last = next == 0 ? last : next;
  }
}

void skip_hrd(BitReader& in) {
  const std::uint32_t schedules = in.ue() + 1;
  in.skip(8);
  for (std::uint32_t i = 0; i < schedules && in.ok(); ++i) {
    (void)in.ue();
    (void)in.ue();
    in.skip(1);
  }
  in.skip(20);
}

void parse_vui(BitReader& in, H264Sps& sps) {
  if (in.flag() && in.u(8) == kExtendedSar) in.skip(32);
  if (in.flag()) in.skip(1);
  if (in.flag()) {
    in.skip(4);
    if (in.flag()) in.skip(24);
  }
  if (in.flag()) {
    (void)in.ue();
    (void)in.ue();
  }
  if (in.flag()) in.skip(65);
  const bool nal_hrd = in.flag();
  if (nal_hrd) skip_hrd(in);
  const bool vcl_hrd = in.flag();
  if (vcl_hrd) skip_hrd(in);
  if (nal_hrd || vcl_hrd) in.skip(1);
  in.skip(1);
  sps.restriction_flag = in.position();
  sps.restriction = in.flag();
  if (!sps.restriction) return;
  in.skip(1);
  for (int i = 0; i < 4; ++i) (void)in.ue();
  sps.reorder = in.position();
  sps.reorder_frames = in.ue();
  sps.buffered_frames = in.ue();
}

struct Crop {
  std::uint32_t left = 0, right = 0, top = 0, bottom = 0;
};

Crop parse_crop(BitReader& in) {
  Crop crop;
  crop.left = in.ue();
  crop.right = in.ue();
  crop.top = in.ue();
  crop.bottom = in.ue();
  return crop;
}

// {} when nothing would be left, or more than a picture can have.
Size cropped(std::uint64_t width, std::uint64_t height, const Crop& crop, std::uint64_t unit_x,
             std::uint64_t unit_y) {
  const std::uint64_t across = (std::uint64_t{crop.left} + crop.right) * unit_x;
  const std::uint64_t down = (std::uint64_t{crop.top} + crop.bottom) * unit_y;
  if (width > kMaxSide || height > kMaxSide || across >= width || down >= height) return {};
  return {static_cast<std::uint32_t>(width - across), static_cast<std::uint32_t>(height - down)};
}

std::uint64_t sub_width(std::uint32_t chroma) noexcept { return chroma == 1 || chroma == 2 ? 2 : 1; }
std::uint64_t sub_height(std::uint32_t chroma) noexcept { return chroma == 1 ? 2 : 1; }

}  // namespace

bool h264_tells_samples(std::uint32_t profile) noexcept {
  return std::find(kHighProfiles.begin(), kHighProfiles.end(), profile) != kHighProfiles.end();
}

std::optional<H264Sps> parse_h264_sps(std::span<const std::uint8_t> rbsp) {
  H264Sps sps;
  BitReader in(rbsp);
  if (!is_sps(Codec::h264, rbsp)) return std::nullopt;
  in.skip(8);
  sps.profile = in.u(8);
  in.skip(16);
  sps.id = in.ue();
  if (h264_tells_samples(sps.profile)) {
    sps.samples.chroma = in.ue();
    if (sps.samples.chroma == 3) in.skip(1);
    sps.samples.luma_bits_minus8 = in.ue();
    sps.samples.chroma_bits_minus8 = in.ue();
    in.skip(1);
    if (in.flag()) {
      for (int i = 0; i < (sps.samples.chroma != 3 ? 8 : 12); ++i) {
        if (in.flag()) skip_scaling_list(in, i < 6 ? 16 : 64);
      }
    }
  }
  (void)in.ue();
  sps.order_count_type = in.ue();
  if (sps.order_count_type == 0) {
    (void)in.ue();
  } else if (sps.order_count_type == 1) {
    in.skip(1);
    (void)in.se();
    (void)in.se();
    const std::uint32_t cycle = in.ue();
    if (cycle > 255) return std::nullopt;
    for (std::uint32_t i = 0; i < cycle; ++i) (void)in.se();
  }
  sps.reference_frames = in.ue();
  in.skip(1);
  const std::uint64_t width = (std::uint64_t{in.ue()} + 1) * 16,
                      map_units = (std::uint64_t{in.ue()} + 1) * 16;
  const bool frames_only = in.flag();
  const std::uint64_t fields = frames_only ? 1 : 2;
  if (!frames_only) in.skip(1);
  in.skip(1);
  const Crop crop = in.flag() ? parse_crop(in) : Crop{};
  sps.size = cropped(width, map_units * fields, crop, sub_width(sps.samples.chroma),
                     sub_height(sps.samples.chroma) * fields);
  sps.vui_flag = in.position();
  sps.vui = in.flag();
  if (!in.ok()) return std::nullopt;
  if (sps.vui) parse_vui(in, sps);
  sps.intact = in.ok();
  return sps;
}

std::optional<HevcSps> parse_hevc_sps(std::span<const std::uint8_t> rbsp) {
  BitReader in(rbsp);
  HevcSps sps;
  in.skip(16 + 4);
  sps.layers_minus1 = in.u(3);
  sps.nested = in.flag();
  sps.space = static_cast<std::uint8_t>(in.u(2));
  sps.tier = in.flag();
  sps.profile = static_cast<std::uint8_t>(in.u(5));
  sps.compatibility = in.u(32);
  for (std::uint8_t& byte : sps.constraints) byte = static_cast<std::uint8_t>(in.u(8));
  sps.level = static_cast<std::uint8_t>(in.u(8));
  if (sps.layers_minus1 > 6) return std::nullopt;
  unsigned sub_layers = 0;
  for (std::uint32_t i = 0; i < 8 && sps.layers_minus1 > 0; ++i) {
    const bool profile = in.flag(), level = in.flag();  // behind the last layer two reserved bits
    if (i < sps.layers_minus1) sub_layers += (profile ? 88u : 0u) + (level ? 8u : 0u);
  }
  in.skip(sub_layers);
  sps.id = in.ue();
  sps.samples.chroma = in.ue();
  if (sps.samples.chroma == 3) in.skip(1);
  const std::uint32_t width = in.ue(), height = in.ue();
  const Crop crop = in.flag() ? parse_crop(in) : Crop{};
  sps.size = cropped(width, height, crop, sub_width(sps.samples.chroma), sub_height(sps.samples.chroma));
  sps.samples.luma_bits_minus8 = in.ue();
  sps.samples.chroma_bits_minus8 = in.ue();
  return in.ok() ? std::optional(sps) : std::nullopt;
}

void PictureSets::learn(std::span<const std::uint8_t> nal) {
  const bool h264 = codec_ == Codec::h264;
  if (is_sps(codec_, nal)) {
    const auto rbsp = unescape(nal);
    const auto keep = [this](std::uint32_t id, const Size& size, std::uint32_t reference_frames) {
      if (size.width != 0 && id < kMaxSps) sequences_[id] = {size, reference_frames};
    };
    if (h264) {
      if (const auto sps = parse_h264_sps(rbsp)) keep(sps->id, sps->size, sps->reference_frames);
    } else if (const auto sps = parse_hevc_sps(rbsp)) {
      keep(sps->id, sps->size, 0);
    }
  } else if (is_pps(codec_, nal)) {
    const auto rbsp = unescape(nal.first(std::min(nal.size(), kHead)));
    BitReader in(rbsp);
    in.skip(h264 ? 8 : 16);
    const std::uint32_t id = in.ue();
    Picture picture{in.ue(), false};
    if (!in.ok() || id >= kMaxPps) return;
    if (h264) {
      in.skip(2);
      // num_slice_groups_minus1, which only Baseline streams of long ago have, and the references of list 0
      picture.one_reference = in.ue() == 0 && in.ue() == 0 && in.ok();
    }
    pictures_[id] = picture;
  }
}

std::optional<SlicePicture> PictureSets::picture_of(std::span<const std::uint8_t> nal) const {
  const auto rbsp = unescape(nal.first(std::min(nal.size(), kHead)));
  BitReader in(rbsp);
  bool intra = false;
  if (codec_ == Codec::h264) {
    in.skip(8);
    (void)in.ue();  // first_mb_in_slice
    intra = in.ue() % 5 == kIntra;
  } else {
    in.skip(16 + 1);  // first_slice_segment_in_pic_flag
    const int type = nal_type(codec_, nal);
    if (type >= kHevcFirstIrap && type <= kHevcLastIrap) in.skip(1);  // no_output_of_prior_pics_flag
  }
  const auto picture = pictures_.find(in.ue());
  if (!in.ok() || picture == pictures_.end()) return std::nullopt;
  const auto sequence = sequences_.find(picture->second.sequence);
  if (sequence == sequences_.end()) return std::nullopt;
  return SlicePicture{sequence->second.size,
                      intra && picture->second.one_reference && sequence->second.reference_frames <= 1};
}

bool h264_recovery_point(std::span<const std::uint8_t> nal) {
  const auto rbsp = unescape(nal);
  std::size_t at = 1;
  // payloadType and payloadSize: 255 as often as it takes, then the rest (7.3.2.3.1).
  const auto number = [&] {
    std::uint32_t value = 0;
    for (; at < rbsp.size() && rbsp[at] == 0xff && value < 1u << 24; ++at) value += 0xff;
    return at < rbsp.size() ? value + rbsp[at++] : value;
  };
  while (at + 2 < rbsp.size()) {  // behind the last message at least one byte: rbsp_trailing_bits
    const std::uint32_t type = number(), size = number();
    if (size > rbsp.size() - at) return false;
    if (type == kRecoveryPoint) return size > 0;
    at += size;
  }
  return false;
}

}  // namespace camring::av
