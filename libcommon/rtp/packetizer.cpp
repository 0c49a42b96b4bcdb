#include "rtp/packetizer.h"

#include <algorithm>
#include <array>

#include "av/bitstream.h"
#include "base/error.h"
#include "rtp/bytes.h"
#include "rtp/jpeg_payload.h"

namespace camring::rtp {
namespace {

using Bytes = std::span<const std::uint8_t>;

// What differs between RFC 6184 and RFC 7798: the header of a NAL unit, of an aggregate and of a fragment.
struct Avc {
  static constexpr Codec kCodec = Codec::h264;
  static constexpr std::size_t kNalHeader = 1;
  static constexpr std::size_t kParameterSets = 2;  // SPS, PPS
  static bool access_unit_delimiter(Bytes nal) { return (nal[0] & 0x1f) == 9; }
  // STAP-A (type 24): the highest nal_ref_idc of its units.
  static std::array<std::uint8_t, 1> aggregate_header(std::span<const av::NalUnit> units) {
    std::uint8_t ref = 0, forbidden = 0;
    for (const Bytes unit : units) {
      ref = std::max<std::uint8_t>(ref, unit[0] & 0x60);
      forbidden = static_cast<std::uint8_t>(forbidden | (unit[0] & 0x80));
    }
    return {static_cast<std::uint8_t>(forbidden | ref | 24)};
  }
  // FU-A (type 28): indicator and header.
  static std::array<std::uint8_t, 2> fragment_header(Bytes nal, bool first, bool last) {
    return {static_cast<std::uint8_t>((nal[0] & 0xe0) | 28),
            static_cast<std::uint8_t>((first ? 0x80 : 0) | (last ? 0x40 : 0) | (nal[0] & 0x1f))};
  }
};

struct Hevc {
  static constexpr Codec kCodec = Codec::hevc;
  static constexpr std::size_t kNalHeader = 2;
  static constexpr std::size_t kParameterSets = 3;  // VPS, SPS, PPS
  static bool access_unit_delimiter(Bytes nal) { return (nal[0] >> 1 & 0x3f) == 35; }
  // AP (type 48): the lowest layer and temporal id of its units.
  static std::array<std::uint8_t, 2> aggregate_header(std::span<const av::NalUnit> units) {
    std::uint16_t lowest = 0x1ff;
    for (const Bytes unit : units) {
      lowest = std::min<std::uint16_t>(lowest, get16(unit, 0) & 0x1ff);
    }
    return {static_cast<std::uint8_t>(48 << 1 | lowest >> 8), static_cast<std::uint8_t>(lowest)};
  }
  // FU (type 49): payload header and FU header.
  static std::array<std::uint8_t, 3> fragment_header(Bytes nal, bool first, bool last) {
    return {static_cast<std::uint8_t>((nal[0] & 0x81) | 49 << 1), nal[1],
            static_cast<std::uint8_t>((first ? 0x80 : 0) | (last ? 0x40 : 0) | (nal[0] >> 1 & 0x3f))};
  }
};

template <class Format>
class NalPacketizer final : public Packetizer {
 public:
  explicit NalPacketizer(PacketWriter& writer) : writer_(writer) {}

  bool packetize(Bytes frame, bool keyframe, std::uint32_t rtp_time, PacketBlock& block) override {
    units_.clear();
    bool parameters = false;
    bool picture = false;
    const std::size_t size = frame.size();
    for (Bytes rest = frame; !rest.empty();) {
      const av::NalUnit unit = av::next_nal(rest);
      if (unit.size() <= Format::kNalHeader) continue;
      if (Format::access_unit_delimiter(unit)) continue;  // RTP's marker and time say the same
      parameters = parameters || av::is_parameter_set(Format::kCodec, unit);
      picture = picture || av::is_slice(Format::kCodec, unit);
      units_.push_back(unit);
    }
    if (!picture) return false;
    if (parameters) keep_parameters();
    if (keyframe && !parameters) {
      std::vector<av::NalUnit> own = split(extradata_);
      units_.insert(units_.begin(), own.begin(), own.end());
    }
    writer_.start(block, rtp_time, size + extradata_.size());
    block.keyframe = keyframe;
    for (std::size_t i = 0; i < units_.size();) i += add_from(i);
    return writer_.finish();
  }

  void set_extradata(Bytes annex_b) override { extradata_.assign(annex_b.begin(), annex_b.end()); }
  Bytes extradata() const noexcept override { return extradata_; }

 private:
  static std::vector<av::NalUnit> split(Bytes annex_b) {
    std::vector<av::NalUnit> units;
    while (!annex_b.empty()) {
      const av::NalUnit unit = av::next_nal(annex_b);
      if (unit.size() > Format::kNalHeader) units.push_back(unit);
    }
    return units;
  }

  void keep_parameters() {
    static constexpr std::array<std::uint8_t, 4> kStart{0, 0, 0, 1};
    fresh_.clear();
    for (const Bytes unit : units_) {
      if (!av::is_parameter_set(Format::kCodec, unit)) continue;
      fresh_.insert(fresh_.end(), kStart.begin(), kStart.end());
      fresh_.insert(fresh_.end(), unit.begin(), unit.end());
    }
    // A picture may bring one set alone; what is known of the others stays then.
    if (split(fresh_).size() >= Format::kParameterSets) extradata_.swap(fresh_);
  }

  // Sends one unit, or as many small ones together as fit; returns how many.
  std::size_t add_from(std::size_t first) {
    const std::size_t room = writer_.room();
    std::size_t bytes = Format::kNalHeader;
    std::size_t count = 0;
    while (first + count < units_.size() && bytes + 2 + units_[first + count].size() <= room) {
      bytes += 2 + units_[first + count].size();
      ++count;
    }
    if (count >= 2) {
      const std::span units(units_.data() + first, count);
      body_.clear();
      for (const Bytes unit : units) {
        put16(body_, static_cast<std::uint16_t>(unit.size()));
        body_.insert(body_.end(), unit.begin(), unit.end());
      }
      writer_.add(Format::aggregate_header(units), body_);
      return count;
    }
    const Bytes unit = units_[first];
    if (unit.size() <= room) {
      writer_.add({}, unit);
      return 1;
    }
    const std::size_t piece = room - std::tuple_size_v<decltype(Format::fragment_header(unit, true, true))>;
    for (std::size_t at = Format::kNalHeader; at < unit.size(); at += piece) {
      const std::size_t size = std::min(piece, unit.size() - at);
      writer_.add(Format::fragment_header(unit, at == Format::kNalHeader, at + size == unit.size()),
                  unit.subspan(at, size));
    }
    return 1;
  }

  PacketWriter& writer_;
  std::vector<av::NalUnit> units_;
  std::vector<std::uint8_t> extradata_, fresh_, body_;
};

class JpegPacketizer final : public Packetizer {
 public:
  explicit JpegPacketizer(PacketWriter& writer) : writer_(writer) {}

  bool packetize(Bytes frame, bool, std::uint32_t rtp_time, PacketBlock& block) override {
    const std::optional<JpegPayload> jpeg = parse_jpeg_payload(frame);
    if (!jpeg) return false;
    writer_.start(block, rtp_time, jpeg->scan.size());
    block.keyframe = true;
    // ONVIF Streaming Specification, "RTP header extension for JPEG": the headers that RFC 2435 can't say.
    if (!jpeg->extension.empty() && jpeg->extension.size() + 200 > writer_.room()) return false;
    std::vector<std::uint8_t> head;
    for (std::size_t at = 0; at < jpeg->scan.size();) {
      head.clear();
      write_jpeg_header(*jpeg, at, head);
      const Bytes extension = at == 0 ? Bytes(jpeg->extension) : Bytes();
      const std::size_t size =
          std::min(writer_.room() - head.size() - extension.size(), jpeg->scan.size() - at);
      writer_.add(head, jpeg->scan.subspan(at, size), extension);
      at += size;
    }
    return writer_.finish();
  }

 private:
  PacketWriter& writer_;
};

}  // namespace

std::uint8_t payload_type(Codec codec) noexcept { return codec == Codec::mjpeg ? 26 : 96; }

std::uint32_t ticks(std::int64_t ns) noexcept {
  // Seconds and the rest apart: the product of the whole would overflow after some days.
  const std::int64_t seconds = ns / 1'000'000'000;
  const std::int64_t rest = ns % 1'000'000'000;
  return static_cast<std::uint32_t>(static_cast<std::uint64_t>(seconds) * kClockRate +
                                    static_cast<std::uint64_t>(rest * kClockRate / 1'000'000'000));
}

std::unique_ptr<Packetizer> make_packetizer(Codec codec, PacketWriter& writer) {
  if (codec == Codec::h264) return std::make_unique<NalPacketizer<Avc>>(writer);
  if (codec == Codec::hevc) return std::make_unique<NalPacketizer<Hevc>>(writer);
  if (codec == Codec::mjpeg) return std::make_unique<JpegPacketizer>(writer);
  throw Error(ExitCode::data, "packetize", std::string(to_string(codec)), "RTP can't carry it here",
              "encode it: shmpub RING --out RING.h264:h264");
}

}  // namespace camring::rtp
