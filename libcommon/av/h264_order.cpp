#include "av/h264_order.h"

#include <algorithm>
#include <array>

#include "av/bits.h"
#include "av/sps.h"

namespace camring::av {
namespace {

constexpr std::uint32_t kBaseline = 66;

// So many pictures without a B slice are enough: encoders that reorder begin in the first group, and none of
// their runs is so long.
constexpr unsigned kProof = 8;

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
  const auto sps = parse_h264_sps(unescape(nal));
  if (!sps || !sps->intact) return std::nullopt;
  H264Order order;
  order.none = sps->order_count_type == 2 || sps->profile == kBaseline;
  if (sps->restriction) order.reorder_frames = sps->reorder_frames;
  return order;
}

std::optional<std::vector<std::uint8_t>> h264_sps_without_reordering(NalUnit nal) {
  const auto rbsp = unescape(nal);
  const auto sps = parse_h264_sps(rbsp);
  if (!sps || !sps->intact || (sps->restriction && sps->reorder_frames == 0)) return std::nullopt;
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
    if (!is_sps(Codec::h264, nal)) continue;
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
    if (is_sps(Codec::h264, nal)) {
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
    if (!is_sps(Codec::h264, nal)) continue;
    const auto order = h264_order(nal);
    if (order && !order->none && order->reorder_frames.value_or(0) > 0) return repaired;
    certain = certain || (order && order->none);
  }
  if (!certain || reorders_) return repaired;
  std::vector<std::uint8_t> out;
  return deny_reordering(extradata, out) ? out : repaired;
}

}  // namespace camring::av
