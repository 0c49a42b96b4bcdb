#include "av/h264_order.h"

#include "av/bits.h"
#include "av/bitstream.h"
#include "catch.h"

using namespace camring;
using namespace camring::av;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes annex_b(const Bytes& nal) {
  Bytes bytes{0, 0, 0, 1};
  bytes.insert(bytes.end(), nal.begin(), nal.end());
  return bytes;
}

// An SPS written by hand (7.3.2.1.1): 640x480, progressive.
struct SpsText {
  std::uint32_t profile = 77, order_count_type = 0, references = 4;
  bool vui = false, timing = false, hrd = false, restriction = false;
  std::uint32_t reorder = 2;
  bool scaling_lists = false, cropping = false;
};

void write_hrd(BitWriter& out) {
  out.ue(1);  // two schedules
  out.u(8, 0x44);
  for (int i = 0; i < 2; ++i) {
    out.ue(1000);
    out.ue(70000);
    out.flag(false);
  }
  out.u(20, 0x5a5a5);
}

Bytes sps(const SpsText& text) {
  BitWriter out;
  out.u(8, 0x67);
  out.u(8, text.profile);
  out.u(8, 0);
  out.u(8, 31);
  out.ue(0);
  if (text.profile == 100) {
    out.ue(1);
    out.ue(0);
    out.ue(0);
    out.flag(false);
    out.flag(text.scaling_lists);
    if (text.scaling_lists) {
      out.flag(true);  // one list that ends early: delta -8 makes nextScale 0
      out.ue(16);
      for (int i = 1; i < 8; ++i) out.flag(false);
    }
  }
  out.ue(4);
  out.ue(text.order_count_type);
  if (text.order_count_type == 0) out.ue(6);
  out.ue(text.references);
  out.flag(false);
  out.ue(39);
  out.ue(29);
  out.flag(true);
  out.flag(true);
  out.flag(text.cropping);
  for (int i = 0; text.cropping && i < 4; ++i) out.ue(static_cast<std::uint32_t>(i));
  out.flag(text.vui);
  if (text.vui) {
    out.flag(true);
    out.u(8, 255);
    out.u(32, 0x00010001);
    out.flag(false);
    out.flag(true);
    out.u(4, 0xb);
    out.flag(true);
    out.u(24, 0x010101);
    out.flag(false);
    out.flag(text.timing);
    if (text.timing) {
      out.u(32, 1);
      out.u(32, 60);
      out.flag(true);
    }
    out.flag(text.hrd);
    if (text.hrd) write_hrd(out);
    out.flag(false);
    if (text.hrd) out.flag(false);
    out.flag(true);
    out.flag(text.restriction);
    if (text.restriction) {
      out.flag(true);
      out.ue(2);
      out.ue(1);
      out.ue(10);
      out.ue(11);
      out.ue(text.reorder);
      out.ue(5);
    }
  }
  out.trail();
  return escape(out.bytes());
}

Bytes slice(std::uint32_t type, bool idr) {
  BitWriter out;
  out.u(8, idr ? 0x65 : 0x41);
  out.ue(0);
  out.ue(type);
  out.ue(0);
  out.u(32, 0x12345678);
  out.trail();
  return annex_b(escape(out.bytes()));
}

Bytes joined(std::initializer_list<Bytes> parts) {
  Bytes all;
  for (const Bytes& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

// The size that libavcodec reads out of it.
std::optional<Size> read_by_libavcodec(const Bytes& nal) {
  StreamInspector inspector(Codec::h264);
  (void)inspector.inspect(joined({annex_b(nal), annex_b({0x68, 0xce, 0x38, 0x80}), slice(7, true)}));
  return inspector.size();
}

}  // namespace

TEST_CASE("bits: what is written is read again, and the end is noticed") {
  BitWriter out;
  const std::vector<std::uint32_t> values{0, 1, 2, 3, 7, 8, 254, 255, 256, 65535, 1u << 30, 0xfffffffe};
  for (const std::uint32_t value : values) out.ue(value);
  out.u(13, 0x1abc);
  out.trail();
  BitReader in(out.bytes());
  for (const std::uint32_t value : values) CHECK(in.ue() == value);
  CHECK(in.u(13) == 0x1abc);
  CHECK(in.ok());
  (void)in.u(32);
  CHECK_FALSE(in.ok());
}

TEST_CASE("bits: signed numbers alternate (9.1.1), and zeros without end are an error") {
  BitWriter out;
  for (std::uint32_t code = 0; code < 7; ++code) out.ue(code);
  BitReader in(out.bytes());
  for (const int value : {0, 1, -1, 2, -2, 3, -3}) CHECK(in.se() == value);
  const Bytes zeros(64, 0);
  BitReader endless(zeros);
  (void)endless.ue();
  CHECK_FALSE(endless.ok());
}

TEST_CASE("bits: emulation prevention goes out and in again") {
  const Bytes rbsp{0, 0, 1, 0, 0, 0, 0, 0, 3, 5, 0, 0};
  CHECK(escape(rbsp) == Bytes{0, 0, 3, 1, 0, 0, 3, 0, 0, 3, 0, 3, 5, 0, 0});
  CHECK(unescape(escape(rbsp)) == rbsp);
}

TEST_CASE("order: an SPS of any make gets the promise, and nothing else of it changes") {
  for (const std::uint32_t profile : {77u, 100u}) {
    for (const unsigned variant : {0u, 1u, 2u, 3u, 4u, 5u, 6u}) {
      SpsText text;
      text.profile = profile;
      text.vui = variant > 0;
      text.timing = variant > 1;
      text.hrd = variant > 2;
      text.restriction = variant > 3;
      text.scaling_lists = variant > 4;
      text.cropping = variant > 5;
      CAPTURE(profile, variant);
      const Bytes before = sps(text);
      const auto after = h264_sps_without_reordering(before);
      REQUIRE(after);
      const auto order = h264_order(*after);
      REQUIRE(order);
      CHECK(order->reorder_frames == 0u);
      CHECK_FALSE(h264_sps_without_reordering(*after));
      REQUIRE(read_by_libavcodec(before));
      CHECK(read_by_libavcodec(*after) == read_by_libavcodec(before));
    }
  }
}

TEST_CASE("order: the repaired SPS is the one that would have been written with the promise") {
  SpsText text;
  text.vui = text.timing = text.hrd = text.restriction = true;
  SpsText promised = text;
  promised.reorder = 0;
  CHECK(h264_sps_without_reordering(sps(text)) == sps(promised));
}

TEST_CASE("order: what proves itself, and what does not") {
  SpsText text;
  CHECK_FALSE(h264_order(sps(text))->none);
  text.order_count_type = 2;
  CHECK(h264_order(sps(text))->none);
  text.order_count_type = 0;
  text.profile = 66;
  CHECK(h264_order(sps(text))->none);
  CHECK_FALSE(h264_order(Bytes{0x68, 1, 2}));
  CHECK_FALSE(h264_order(Bytes{0x67}));
  CHECK_FALSE(h264_order(Bytes{}));
}

TEST_CASE("order: a stream is repaired after a group without B slices, and left alone once it has one") {
  const Bytes key = joined({annex_b(sps({})), annex_b({0x68, 0xce, 0x38, 0x80}), slice(7, true)});
  const Bytes p = slice(5, false), b = slice(6, false);
  const auto same = [](std::span<const std::uint8_t> out, const Bytes& in) {
    return out.data() == in.data();
  };

  ReorderRepair repair;
  CHECK(same(repair.repair(p, false), p));  // begins in the middle of a group: that proves nothing
  CHECK(same(repair.repair(key, true), key));
  CHECK(same(repair.repair(p, false), p));
  CHECK(same(repair.repair(key, true), key));  // short groups prove nothing alone …
  for (int i = 0; i < 5; ++i) CHECK(same(repair.repair(p, false), p));
  const auto repaired = repair.repair(key, true);
  CHECK_FALSE(same(repaired, key));
  std::span<const std::uint8_t> rest = repaired;
  CHECK(h264_order(next_nal(rest))->reorder_frames == 0u);
  CHECK(nal_type(Codec::h264, next_nal(rest)) == 8);
  CHECK(nal_type(Codec::h264, next_nal(rest)) == 5);
  CHECK(same(repair.repair(p, false), p));
  CHECK(same(repair.repair(b, false), b));
  CHECK(same(repair.repair(key, true), key));

  // … nor do intra pictures alone, until there are eight.
  ReorderRepair intra;
  for (int i = 0; i < 8; ++i) CHECK(same(intra.repair(key, true), key));
  CHECK_FALSE(same(intra.repair(key, true), key));

  // An SPS that says how far pictures are reordered is believed, however long none is.
  SpsText said;
  said.vui = said.restriction = true;
  const Bytes reorders = joined({annex_b(sps(said)), annex_b({0x68, 0xce, 0x38, 0x80}), slice(7, true)});
  ReorderRepair believing;
  for (int i = 0; i < 40; ++i)
    CHECK(same(believing.repair(i % 10 == 0 ? reorders : p, i % 10 == 0), i % 10 == 0 ? reorders : p));
  ReorderRepair proven;
  for (int i = 0; i < 9; ++i) (void)proven.repair(key, true);
  CHECK(proven.repair_extradata(annex_b(sps({}))) != annex_b(sps({})));
  CHECK(proven.repair_extradata(annex_b(sps(said))) == annex_b(sps(said)));

  ReorderRepair wary;
  CHECK(same(wary.repair(key, true), key));
  CHECK(same(wary.repair(b, false), b));
  CHECK(same(wary.repair(key, true), key));

  SpsText proof;
  proof.order_count_type = 2;
  const Bytes certain = joined({annex_b(sps(proof)), annex_b({0x68, 0xce, 0x38, 0x80}), slice(7, true)});
  ReorderRepair sure;
  CHECK_FALSE(same(sure.repair(certain, true), certain));
  CHECK(sure.repair_extradata(annex_b(sps(proof))) != annex_b(sps(proof)));
  CHECK(ReorderRepair().repair_extradata(annex_b(sps({}))) == annex_b(sps({})));
}
