#include "av/h264_order.h"

#include <algorithm>
#include <array>

#include "av/bits.h"

namespace camring::av {
namespace {

constexpr int kSps = 7;
constexpr std::uint32_t kExtendedSar = 255;
constexpr std::uint32_t kBaseline = 66;
constexpr std::array<std::uint32_t, 13> kHighProfiles{100, 110, 122, 244, 44,  83, 86,
                                                      118, 128, 138, 139, 134, 135};

// So many pictures without a B slice are enough: encoders that reorder begin in the first group, and none of
// their runs is so long.
constexpr unsigned kProof = 8;

// Where the interesting bits of an SPS are. Positions count bits from the header byte.
struct Sps {
  std::uint32_t profile = 0, order_count_type = 0, reference_frames = 0;
  std::size_t vui_flag = 0;  // position of vui_parameters_present_flag
  bool vui = false;
  std::size_t restriction_flag = 0;  // position of bitstream_restriction_flag, with VUI
  bool restriction = false;
  std::size_t reorder = 0;  // position of max_num_reorder_frames, with restriction
  std::uint32_t reorder_frames = 0, buffered_frames = 0;
};

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

void parse_vui(BitReader& in, Sps& sps) {
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

// 7.3.2.1.1
std::optional<Sps> parse(std::span<const std::uint8_t> rbsp) {
  Sps sps;
  BitReader in(rbsp);
  if ((in.u(8) & 0x1f) != kSps) return std::nullopt;
  sps.profile = in.u(8);
  in.skip(16);
  (void)in.ue();
  if (std::find(kHighProfiles.begin(), kHighProfiles.end(), sps.profile) != kHighProfiles.end()) {
    const std::uint32_t chroma = in.ue();
    if (chroma == 3) in.skip(1);
    (void)in.ue();
    (void)in.ue();
    in.skip(1);
    if (in.flag()) {
      for (int i = 0; i < (chroma != 3 ? 8 : 12); ++i) {
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
  (void)in.ue();
  (void)in.ue();
  if (!in.flag()) in.skip(1);
  in.skip(1);
  if (in.flag()) {
    for (int i = 0; i < 4; ++i) (void)in.ue();
  }
  sps.vui_flag = in.position();
  sps.vui = in.flag();
  if (sps.vui) parse_vui(in, sps);
  return in.ok() ? std::optional(sps) : std::nullopt;
}

bool is_b_slice(NalUnit nal) {
  if (!is_slice(Codec::h264, nal) || nal.size() < 2) return false;
  // Two short numbers: a few bytes are enough, also with emulation prevention between them.
  const auto head = unescape(nal.subspan(1, std::min<std::size_t>(nal.size() - 1, 12)));
  BitReader in(head);
  (void)in.ue();
  const std::uint32_t type = in.ue();
  return in.ok() && type % 5 == 1;
}

}  // namespace

std::optional<H264Order> h264_order(NalUnit nal) {
  const auto sps = parse(unescape(nal));
  if (!sps) return std::nullopt;
  H264Order order;
  order.none = sps->order_count_type == 2 || sps->profile == kBaseline;
  if (sps->restriction) order.reorder_frames = sps->reorder_frames;
  return order;
}

std::optional<std::vector<std::uint8_t>> h264_sps_without_reordering(NalUnit nal) {
  const auto rbsp = unescape(nal);
  const auto sps = parse(rbsp);
  if (!sps || (sps->restriction && sps->reorder_frames == 0)) return std::nullopt;
  BitWriter out;
  if (sps->restriction) {
    out.copy(rbsp, sps->reorder);
    out.ue(0);
    out.ue(sps->buffered_frames);
  } else {
    if (sps->vui) {
      out.copy(rbsp, sps->restriction_flag);
    } else {
      out.copy(rbsp, sps->vui_flag);
      out.flag(true);
      out.u(
          8,
          0);  // no aspect ratio, overscan, signal type, chroma location, timing, HRD (2), picture structure
    }
    out.flag(true);
    out.flag(true);  // motion vectors may point outside: what is inferred where nothing is said
    out.ue(0);       // no bound on the bytes of a picture …
    out.ue(0);       // … nor on the bits of a macroblock
    out.ue(16);
    out.ue(16);
    out.ue(0);
    out.ue(sps->reference_frames);
  }
  out.trail();
  return escape(out.bytes());
}

bool deny_reordering(std::span<const std::uint8_t> annex_b, std::vector<std::uint8_t>& out) {
  const std::uint8_t* done = annex_b.data();
  const std::uint8_t* const end = annex_b.data() + annex_b.size();
  bool changed = false;
  std::span<const std::uint8_t> rest = annex_b;
  while (!rest.empty()) {
    const NalUnit nal = next_nal(rest);
    if (is_slice(Codec::h264, nal)) break;  // parameter sets stand before the picture
    if (nal_type(Codec::h264, nal) != kSps) continue;
    const auto repaired = h264_sps_without_reordering(nal);
    if (!repaired) continue;
    if (!changed) out.clear();
    changed = true;
    out.insert(out.end(), done, nal.data());
    out.insert(out.end(), repaired->begin(), repaired->end());
    done = nal.data() + nal.size();
  }
  if (changed) out.insert(out.end(), done, end);
  return changed;
}

std::span<const std::uint8_t> ReorderRepair::repair(std::span<const std::uint8_t> access_unit,
                                                    bool keyframe) {
  if (reorders_) return access_unit;
  // Whole groups without a B slice; short ones prove nothing alone.
  if (keyframe && seen_ >= kProof) proven_ = true;
  if (keyframe || seen_ > 0) seen_ = std::min(seen_ + 1, kProof);
  bool known = false;
  std::span<const std::uint8_t> rest = access_unit;
  while (!rest.empty()) {
    const NalUnit nal = next_nal(rest);
    if (nal_type(Codec::h264, nal) == kSps) {
      const auto order = h264_order(nal);
      known = known || (order && order->none);
      // Who says so much of the order of pictures is believed.
      if (order && !order->none && order->reorder_frames.value_or(0) > 0) reorders_ = true;
    }
    if (reorders_) return access_unit;
    if (!is_slice(Codec::h264, nal)) continue;
    if (is_b_slice(nal)) {
      reorders_ = true;
      return access_unit;
    }
    break;  // the slices of one picture are of one kind, but for rare encoders that also have B pictures
  }
  proven_ = proven_ || known;
  if (!proven_ || !keyframe || !deny_reordering(access_unit, repaired_)) return access_unit;
  return repaired_;
}

std::vector<std::uint8_t> ReorderRepair::repair_extradata(std::span<const std::uint8_t> extradata) const {
  std::vector<std::uint8_t> repaired(extradata.begin(), extradata.end());
  bool certain = proven_;
  std::span<const std::uint8_t> rest = extradata;
  while (!rest.empty()) {
    const NalUnit nal = next_nal(rest);
    if (nal_type(Codec::h264, nal) != kSps) continue;
    const auto order = h264_order(nal);
    if (order && !order->none && order->reorder_frames.value_or(0) > 0) return repaired;
    certain = certain || (order && order->none);
  }
  if (!certain || reorders_) return repaired;
  std::vector<std::uint8_t> out;
  return deny_reordering(extradata, out) ? out : repaired;
}

}  // namespace camring::av
