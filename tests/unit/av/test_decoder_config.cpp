#include "av/decoder_config.h"

#include <random>
#include <string_view>

#include "av/bits.h"
#include "base/error.h"
#include "catch.h"

using namespace camring;
using namespace camring::av;

namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

Bytes join(std::initializer_list<Bytes> nals) {
  Bytes stream;
  for (const Bytes& nal : nals) {
    stream.insert(stream.end(), {0, 0, 1});
    stream.insert(stream.end(), nal.begin(), nal.end());
  }
  return stream;
}

// Made by encoders.
const Bytes kSps = hex("6742c00ad9047b011000000300100000030320f1226480"), kPps = hex("68cb80652c80");
const Bytes kVps = hex("40010c01ffff01600000030090000003000003001e928090"),
            kHevcSps = hex("42010101600000030090000003000003001ea0208316592ae4caf0168080000003008000000c84"),
            kHevcPps = hex("4401c173d089");

// An SPS of High profile, level 3.1, up to the elements that the record repeats.
Bytes high_sps(std::uint32_t chroma, std::uint32_t luma_bits, std::uint32_t chroma_bits) {
  BitWriter out;
  out.u(32, 0x6764001f);
  out.ue(0);
  out.ue(chroma);
  if (chroma == 3) out.flag(false);
  out.ue(luma_bits - 8);
  out.ue(chroma_bits - 8);
  out.u(2, 0);  // no bypass, no scaling lists
  out.ue(0);
  out.ue(2);  // order of pictures: that of decoding
  out.ue(1);
  out.flag(false);
  out.ue(19);
  out.ue(14);
  out.u(4, 0b1100);  // frames alone, nothing cropped, no VUI
  out.flag(false);
  out.trail();
  return escape(out.bytes());
}

struct Profile {
  std::uint32_t space = 0;
  bool tier = false;
  std::uint32_t profile = 1, compatibility = 0x60000000, level = 93;
  Bytes constraints = hex("b00000000000");
  std::uint32_t layers = 1;
  std::uint32_t chroma = 1, bits = 8;
};

// 7.3.2.2 of H.265, up to the depth of the samples.
Bytes hevc_sps(const Profile& profile) {
  BitWriter out;
  out.u(16, 0x4201);
  out.u(4, 0);
  out.u(3, profile.layers - 1);
  out.flag(true);
  out.u(2, profile.space);
  out.flag(profile.tier);
  out.u(5, profile.profile);
  out.u(32, profile.compatibility);
  for (const std::uint8_t byte : profile.constraints) out.u(8, byte);
  out.u(8, profile.level);
  for (std::uint32_t i = 0; profile.layers > 1 && i < 8; ++i) out.u(2, i < profile.layers - 1 ? 3 : 0);
  for (std::uint32_t i = 0; i + 1 < profile.layers; ++i) {
    for (int byte = 0; byte < 12; ++byte) out.u(8, 0x11);
  }
  out.ue(0);
  out.ue(profile.chroma);
  if (profile.chroma == 3) out.flag(false);
  out.ue(1280);
  out.ue(720);
  out.flag(true);
  for (int i = 0; i < 4; ++i) out.ue(2);
  out.ue(profile.bits - 8);
  out.ue(profile.bits - 8);
  out.u(32, 0x5a5a5a5a);
  out.trail();
  return escape(out.bytes());
}

DecoderConfig hevc(const Profile& profile) {
  return decoder_config(Codec::hevc, join({kVps, hevc_sps(profile), kHevcPps}));
}

std::string refusal(Codec codec, const Bytes& sets) {
  try {
    (void)decoder_config(codec, sets);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::data);
    return error.reason();
  }
  return "taken";
}

}  // namespace

TEST_CASE("decoder config: avcC has its fields where 14496-15 says") {
  const DecoderConfig config = decoder_config(Codec::h264, join({kSps, kPps}));
  Bytes expected = hex("0142c00affe10017");
  expected.insert(expected.end(), kSps.begin(), kSps.end());
  const Bytes middle = hex("010006");
  expected.insert(expected.end(), middle.begin(), middle.end());
  expected.insert(expected.end(), kPps.begin(), kPps.end());
  CHECK(config.record == expected);
  CHECK(config.codec_string == "avc1.42c00a");
  CHECK(config.has(kSps));
  CHECK(config.has(kPps));
  CHECK_FALSE(config.has(high_sps(1, 8, 8)));
  CHECK_FALSE(config.has({}));
}

TEST_CASE("decoder config: above Main, avcC tells chroma and depth") {
  const DecoderConfig plain = decoder_config(Codec::h264, join({high_sps(1, 8, 8), kPps}));
  CHECK(plain.codec_string == "avc1.64001f");
  CHECK(Bytes(plain.record.end() - 4, plain.record.end()) == hex("fdf8f800"));
  const DecoderConfig deep = decoder_config(Codec::h264, join({high_sps(3, 10, 9), kPps}));
  CHECK(Bytes(deep.record.end() - 4, deep.record.end()) == hex("fffaf900"));
}

TEST_CASE("decoder config: several sets stand in it, each once, and all else is skipped") {
  Bytes other = kPps;
  other.back() = 0x81;
  const DecoderConfig config =
      decoder_config(Codec::h264, join({hex("0910"), kPps, kSps, other, hex("0605"), kPps, kSps}));
  CHECK(config.sets == std::vector<Bytes>{kSps, kPps, other});
  CHECK(config.record.at(5) == 0xe1);
  CHECK(config.record.at(8 + kSps.size()) == 2);
}

TEST_CASE("decoder config: hvcC has its fields where 14496-15 says") {
  const DecoderConfig config = hevc({});
  CHECK(Bytes(config.record.begin(), config.record.begin() + 23) == hex("010160000000b00000000000"
                                                                        "5d"
                                                                        "f000"
                                                                        "fc"
                                                                        "fd"
                                                                        "f8"
                                                                        "f8"
                                                                        "0000"
                                                                        "0f"
                                                                        "03"));
  CHECK(config.record.at(23) == 0xa0);  // VPS, complete
  CHECK(Bytes(config.record.end() - 6, config.record.end()) == kHevcPps);
  CHECK(config.sets == std::vector<Bytes>{kVps, hevc_sps({}), kHevcPps});
}

TEST_CASE("decoder config: HEVC's codec strings are those of 14496-15, E.3") {
  CHECK(hevc({}).codec_string == "hvc1.1.6.L93.B0");
  Profile profile;
  profile.space = 1;
  profile.tier = true;
  profile.profile = 2;
  profile.compatibility = 0x20000000;
  profile.level = 150;
  profile.constraints = hex("900000100000");
  CHECK(hevc(profile).codec_string == "hvc1.A2.4.H150.90.0.0.10");
  profile.constraints = hex("000000000000");
  profile.space = 3;
  profile.compatibility = 0x00000001;
  CHECK(hevc(profile).codec_string == "hvc1.C2.80000000.H150");
  CHECK(decoder_config(Codec::hevc, join({kVps, kHevcSps, kHevcPps})).codec_string == "hvc1.1.6.L30.90");
}

TEST_CASE("decoder config: temporal layers before the picture's format are passed over") {
  for (const std::uint32_t layers : {1u, 2u, 7u}) {
    Profile profile;
    profile.layers = layers;
    profile.chroma = 3;
    profile.bits = 10;
    const DecoderConfig config = hevc(profile);
    CHECK(config.record.at(16) == 0xff);
    CHECK(config.record.at(17) == 0xfa);
    CHECK(config.record.at(21) == (layers << 3 | 1u << 2 | 3u));
  }
}

TEST_CASE("decoder config: what is missing or cut off is refused by name") {
  CHECK(refusal(Codec::h264, {}) == "it has no SPS");
  CHECK(refusal(Codec::h264, join({kSps})) == "it has no PPS");
  CHECK(refusal(Codec::h264, join({kPps})) == "it has no SPS");
  CHECK(refusal(Codec::h264, join({hex("67"), kPps})) == "a parameter set is cut off");
  CHECK(refusal(Codec::h264, join({hex("67420001"), kPps})) == "its SPS is cut off");
  CHECK(refusal(Codec::h264, join({hex("6764001f80"), kPps})) == "its SPS can't be read");
  CHECK(refusal(Codec::hevc, join({kHevcSps, kHevcPps})) == "it has no VPS");
  CHECK(refusal(Codec::hevc, join({kVps, kHevcPps})) == "it has no SPS");
  CHECK(refusal(Codec::hevc, join({kVps, Bytes(kHevcSps.begin(), kHevcSps.begin() + 12), kHevcPps})) ==
        "its SPS can't be read");
  Bytes huge = kPps;
  huge.resize(65536, 0x55);
  CHECK(refusal(Codec::h264, join({kSps, huge})) == "a parameter set has more than 65535 bytes");
  Bytes many = join({kPps});
  for (std::uint8_t i = 0; i < 32; ++i) {
    Bytes sps = kSps;
    sps.push_back(static_cast<std::uint8_t>(i + 1));
    const Bytes one = join({sps});
    many.insert(many.end(), one.begin(), one.end());
  }
  CHECK(refusal(Codec::h264, many) == "it has more parameter sets than MP4 has room for");
  CHECK_THROWS_AS(decoder_config(Codec::mjpeg, join({kSps, kPps})), Error);
}

TEST_CASE("decoder config: any bytes are a config or an error") {
  std::mt19937 random(5);
  const Bytes h264 = join({high_sps(1, 8, 8), kPps}), h265 = join({kVps, kHevcSps, kHevcPps});
  int taken = 0, refused = 0;
  for (int i = 0; i < 4000; ++i) {
    const Codec codec = i % 2 == 0 ? Codec::h264 : Codec::hevc;
    Bytes bytes = codec == Codec::h264 ? h264 : h265;
    for (int k = 0; k < i % 5; ++k) bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
    if (i % 3 == 0) bytes.resize(random() % (bytes.size() + 1));
    try {
      (void)decoder_config(codec, bytes);
      ++taken;
    } catch (const Error&) {
      ++refused;
    }
  }
  CHECK(taken > 500);
  CHECK(refused > 500);
}
