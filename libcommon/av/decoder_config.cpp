#include "av/decoder_config.h"

#include <algorithm>
#include <array>
#include <cstdio>

#include "av/bits.h"
#include "av/sps.h"
#include "base/error.h"

namespace camring::av {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint8_t kFourByteLengths = 3;  // lengthSizeMinusOne
constexpr std::size_t kMaxSetBytes = 65535;   // of one set: its length has 16 bits in both records
constexpr std::size_t kMaxSps = 31;           // numOfSequenceParameterSets has 5 bits
constexpr std::size_t kMaxSets = 255;         // numOfPictureParameterSets has 8; as many will do for HEVC

[[noreturn]] void refuse(Codec codec, const std::string& reason) {
  throw Error(ExitCode::data, "describe video for MP4", std::string(to_string(codec)), reason,
              "wait for a keyframe with its parameter sets, or see whether the source's stream is whole");
}

void put16(Bytes& out, std::size_t value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

void put_set(Bytes& out, const Bytes& set) {
  put16(out, set.size());
  out.insert(out.end(), set.begin(), set.end());
}

// 14496-15 asks for what the samples are in all profiles but these (A.2).
bool is_high(std::uint8_t profile) noexcept { return profile != 66 && profile != 77 && profile != 88; }

// 5.3.3.1.2
void write_avcc(DecoderConfig& config, const std::vector<Bytes>& sps, const std::vector<Bytes>& pps) {
  const Bytes& first = sps.front();
  if (first.size() < 5) refuse(config.codec, "its SPS is cut off");
  Bytes& out = config.record;
  out = {1, first[1], first[2], first[3], 0xfc | kFourByteLengths};
  out.push_back(static_cast<std::uint8_t>(0xe0 | sps.size()));
  for (const Bytes& set : sps) put_set(out, set);
  out.push_back(static_cast<std::uint8_t>(pps.size()));
  for (const Bytes& set : pps) put_set(out, set);
  if (is_high(first[1])) {
    const auto read = parse_h264_sps(unescape(first));
    if (!read || !h264_tells_samples(first[1]) || !read->samples.plausible())
      refuse(config.codec, "its SPS can't be read");
    out.push_back(static_cast<std::uint8_t>(0xfc | read->samples.chroma));
    out.push_back(static_cast<std::uint8_t>(0xf8 | read->samples.luma_bits_minus8));
    out.push_back(static_cast<std::uint8_t>(0xf8 | read->samples.chroma_bits_minus8));
    out.push_back(0);  // no SPS extensions: they describe alpha pictures
  }
  std::array<char, 16> text{};
  std::snprintf(text.data(), text.size(), "avc1.%02x%02x%02x", first[1], first[2], first[3]);
  config.codec_string = text.data();
}

// 14496-15, E.3: the compatibility flags with their bits in reverse order, and constraint bytes up to the
// last that is not zero.
std::string hevc_codec_string(const HevcSps& sps) {
  std::uint32_t reversed = 0;
  for (unsigned i = 0; i < 32; ++i) reversed |= (sps.compatibility >> i & 1u) << (31 - i);
  std::array<char, 48> text{};
  const char space[2] = {sps.space == 0 ? '\0' : static_cast<char>('A' + sps.space - 1), '\0'};
  std::snprintf(text.data(), text.size(), "hvc1.%s%u.%X.%c%u", space, unsigned{sps.profile}, reversed,
                sps.tier ? 'H' : 'L', unsigned{sps.level});
  std::string result = text.data();
  std::size_t used = sps.constraints.size();
  while (used > 0 && sps.constraints[used - 1] == 0) --used;
  for (std::size_t i = 0; i < used; ++i) {
    std::snprintf(text.data(), text.size(), ".%X", unsigned{sps.constraints[i]});
    result += text.data();
  }
  return result;
}

// 8.3.3.1.2
void write_hvcc(DecoderConfig& config, const std::array<std::vector<Bytes>, 3>& sets) {
  const auto sps = parse_hevc_sps(unescape(sets[1].front()));
  if (!sps || !sps->samples.plausible()) refuse(config.codec, "its SPS can't be read");
  Bytes& out = config.record;
  out = {1, static_cast<std::uint8_t>(sps->space << 6 | (sps->tier ? 1 : 0) << 5 | sps->profile)};
  put16(out, sps->compatibility >> 16);
  put16(out, sps->compatibility & 0xffff);
  out.insert(out.end(), sps->constraints.begin(), sps->constraints.end());
  out.push_back(sps->level);
  put16(out, 0xf000);   // min_spatial_segmentation_idc: 0 promises nothing …
  out.push_back(0xfc);  // … and makes parallelismType 0, unknown
  out.push_back(static_cast<std::uint8_t>(0xfc | sps->samples.chroma));
  out.push_back(static_cast<std::uint8_t>(0xf8 | sps->samples.luma_bits_minus8));
  out.push_back(static_cast<std::uint8_t>(0xf8 | sps->samples.chroma_bits_minus8));
  put16(out, 0);  // avgFrameRate: not said
  out.push_back(static_cast<std::uint8_t>((sps->layers_minus1 + 1) << 3 | (sps->nested ? 1u : 0u) << 2 |
                                          kFourByteLengths));
  out.push_back(static_cast<std::uint8_t>(sets.size()));
  for (std::size_t kind = 0; kind < sets.size(); ++kind) {
    out.push_back(static_cast<std::uint8_t>(0x80 | (32 + kind)));  // array_completeness: all are here
    put16(out, sets[kind].size());
    for (const Bytes& set : sets[kind]) put_set(out, set);
  }
  config.codec_string = hevc_codec_string(*sps);
}

// Of the kinds VPS, SPS, PPS: 0, 1, 2.
std::size_t kind_of(Codec codec, NalUnit set) noexcept {
  const int type = nal_type(codec, set);
  return static_cast<std::size_t>(codec == Codec::h264 ? type - 6 : type - 32);
}

std::array<std::vector<Bytes>, 3> sort_sets(Codec codec, std::span<const std::uint8_t> annex_b) {
  std::array<std::vector<Bytes>, 3> sets;
  while (!annex_b.empty()) {
    const NalUnit nal = next_nal(annex_b);
    if (!is_parameter_set(codec, nal)) continue;
    if (nal.size() > kMaxSetBytes) refuse(codec, "a parameter set has more than 65535 bytes");
    if (nal.size() < 3) refuse(codec, "a parameter set is cut off");
    auto& kind = sets[kind_of(codec, nal)];
    const Bytes set(nal.begin(), nal.end());
    if (std::find(kind.begin(), kind.end(), set) == kind.end()) kind.push_back(set);
  }
  if (codec == Codec::hevc && sets[0].empty()) refuse(codec, "it has no VPS");
  if (sets[1].empty()) refuse(codec, "it has no SPS");
  if (sets[2].empty()) refuse(codec, "it has no PPS");
  if (sets[0].size() > kMaxSets || sets[1].size() > kMaxSps || sets[2].size() > kMaxSets) {
    refuse(codec, "it has more parameter sets than MP4 has room for");
  }
  return sets;
}

}  // namespace

bool DecoderConfig::has(NalUnit set) const noexcept {
  return std::any_of(sets.begin(), sets.end(), [&](const Bytes& known) {
    return std::equal(known.begin(), known.end(), set.begin(), set.end());
  });
}

DecoderConfig decoder_config(Codec codec, std::span<const std::uint8_t> parameter_sets) {
  if (!is_video(codec)) {
    throw Error(ExitCode::internal, "describe video for MP4", std::string(to_string(codec)),
                "only H.264 and HEVC are known");
  }
  auto sets = sort_sets(codec, parameter_sets);
  DecoderConfig config;
  config.codec = codec;
  if (codec == Codec::h264) {
    write_avcc(config, sets[1], sets[2]);
  } else {
    write_hvcc(config, sets);
  }
  for (auto& kind : sets) {
    for (Bytes& set : kind) config.sets.push_back(std::move(set));
  }
  return config;
}

}  // namespace camring::av
