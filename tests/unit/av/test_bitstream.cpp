#include <random>
#include <string_view>
#include <vector>

#include "av/bitstream.h"
#include "catch.h"

using namespace camring;
using namespace camring::av;

namespace {

using Bytes = std::vector<std::uint8_t>;
using Nals = std::vector<Bytes>;

Bytes hex(std::string_view text) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
    bytes.push_back(static_cast<std::uint8_t>(std::stoi(std::string(text.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

Bytes join(std::initializer_list<Bytes> nals, bool long_codes = true) {
  Bytes stream;
  for (const Bytes& nal : nals) {
    if (long_codes) stream.push_back(0);
    stream.insert(stream.end(), {0, 0, 1});
    stream.insert(stream.end(), nal.begin(), nal.end());
  }
  return stream;
}

// 64x48, made by an encoder; slices are cut behind their headers.
const Bytes kSps = hex("6742c00ad9047b011000000300100000030320f1226480"), kPps = hex("68cb80652c80"),
            kIdr = hex("658884f0c60d0557ffbf80708049bfc9f1183c3e"), kInter = hex("419a39e24bfe15f5257aa0"),
            kAud = hex("0910");
const Bytes kHevcVps = hex("40010c01ffff01600000030090000003000003001e928090"),
            kHevcSps = hex("42010101600000030090000003000003001ea0208316592ae4caf0168080000003008000000c84"),
            kHevcPps = hex("4401c173d089"), kHevcIdr = hex("2801af0658fbfc4cbb02"),
            kHevcCra = hex("2a01ac08f5c192fbfc4cbb02"), kHevcInter = hex("0201d0097e10c60cb0fb41b8");

Nals split(const Bytes& stream) {
  Nals nals;
  std::span<const std::uint8_t> rest(stream);
  while (!rest.empty()) {
    const NalUnit nal = next_nal(rest);
    if (!nal.empty()) nals.emplace_back(nal.begin(), nal.end());
  }
  return nals;
}

}  // namespace

TEST_CASE("bitstream: NAL units are found behind start codes of three and four bytes") {
  CHECK(split(join({kSps, kPps, kIdr})) == Nals{kSps, kPps, kIdr});
  CHECK(split(join({kSps, kPps, kIdr}, false)) == Nals{kSps, kPps, kIdr});
  Bytes padded{1, 2, 3};  // garbage in front, zero bytes behind: both belong to no unit
  const Bytes stream = join({kAud, kInter});
  padded.insert(padded.end(), stream.begin(), stream.end());
  padded.insert(padded.end(), 5, 0);
  CHECK(split(padded) == Nals{kAud, kInter});
  CHECK(split({}).empty());
  CHECK(split({0, 0, 1}).empty());
  CHECK(split({0, 0, 1, 0, 0, 1, 0x65}) == Nals{Bytes{0x65}});
  CHECK(split({5, 6, 7, 8, 9}).empty());
}

TEST_CASE("bitstream: start codes without units cost no stack, however many they are") {
  Bytes stream;
  for (int i = 0; i < 1'000'000; ++i) stream.insert(stream.end(), {0, 0, 1});
  CHECK(split(stream).empty());
  stream.push_back(0x65);
  CHECK(split(stream) == Nals{Bytes{0x65}});
}

TEST_CASE("bitstream: a keyframe with its parameter sets tells size and extradata") {
  for (const bool hevc : {false, true}) {
    CAPTURE(hevc);
    StreamInspector inspector(hevc ? Codec::hevc : Codec::h264);
    CHECK(inspector.extradata().empty());
    CHECK_FALSE(inspector.size());
    const Bytes sets = hevc ? join({kHevcVps, kHevcSps, kHevcPps}) : join({kSps, kPps});
    Bytes first = sets;
    const Bytes idr = join({hevc ? kHevcIdr : kIdr});
    first.insert(first.end(), idr.begin(), idr.end());
    const AccessUnit unit = inspector.inspect(first);
    CHECK(unit.picture);
    CHECK(unit.keyframe);
    CHECK(unit.parameter_sets);
    CHECK(inspector.extradata() == sets);
    CHECK(inspector.size() == Size{64, 48});
    const AccessUnit next = inspector.inspect(join({hevc ? kHevcInter : kInter}));
    CHECK(next.picture);
    CHECK_FALSE(next.keyframe);
    CHECK_FALSE(next.parameter_sets);
    CHECK(inspector.extradata() == sets);
  }
}

TEST_CASE("bitstream: a CRA picture of HEVC is a keyframe") {
  StreamInspector inspector(Codec::hevc, join({kHevcVps, kHevcSps, kHevcPps}));
  CHECK(inspector.inspect(join({kHevcCra})).keyframe);
}

TEST_CASE("bitstream: parameter sets from outside count until the stream brings others") {
  StreamInspector inspector(Codec::h264, join({kSps, kPps}, false));
  CHECK(inspector.extradata() == join({kSps, kPps}));  // with four-byte start codes
  const AccessUnit bare = inspector.inspect(join({kAud, kIdr}));
  CHECK(inspector.size() == Size{64, 48});
  CHECK(bare.keyframe);
  CHECK_FALSE(bare.parameter_sets);
  Bytes other = kPps;
  other.push_back(0x55);
  (void)inspector.inspect(join({kSps, other, kIdr}));
  CHECK(inspector.extradata() == join({kSps, other}));
}

TEST_CASE("bitstream: parameter sets alone are no picture") {
  StreamInspector inspector(Codec::h264);
  const AccessUnit unit = inspector.inspect(join({kSps, kPps}));
  CHECK(unit.parameter_sets);
  CHECK_FALSE(unit.picture);
  CHECK_FALSE(unit.keyframe);
}

TEST_CASE("bitstream: any bytes may come in") {
  std::mt19937 random(11);
  for (const Codec codec : {Codec::h264, Codec::hevc}) {
    StreamInspector inspector(codec);
    const Bytes good =
        codec == Codec::h264 ? join({kSps, kPps, kIdr}) : join({kHevcVps, kHevcSps, kHevcPps, kHevcIdr});
    for (int i = 0; i < 3000; ++i) {
      Bytes bytes = good;
      for (int k = 0; k < 1 + i % 8; ++k)
        bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
      bytes.resize(random() % (bytes.size() + 1));
      (void)inspector.inspect(bytes);
      for (auto& byte : bytes) byte = static_cast<std::uint8_t>(random() % 4);  // start codes everywhere
      (void)inspector.inspect(bytes);
    }
    CHECK(inspector.inspect(good).keyframe);  // and it still works
  }
}
