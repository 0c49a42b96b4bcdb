#include "av/fmp4.h"

#include <array>
#include <limits>

#include "av/box_writer.h"
#include "base/error.h"

namespace camring::av {
namespace {

constexpr std::uint32_t kTrackId = 1;
constexpr std::size_t kHead = 8;                       // a box's size and type
constexpr std::size_t kInitBytesWithoutConfig = 1024;  // more than the boxes need
constexpr std::uint32_t kMatrix[9] = {0x10000, 0, 0, 0,         0x10000,
                                      0,       0, 0, 0x40000000};  // unity, 16.16 and 2.30

// 8.8.3.1: sample_depends_on, and sample_is_non_sync_sample.
constexpr std::uint32_t kSyncSample = 0x0200'0000;
constexpr std::uint32_t kOtherSample = 0x0101'0000;

// 8.8.8.1
constexpr std::uint32_t kTrunOffset = 0x1, kTrunDuration = 0x100, kTrunSize = 0x200, kTrunFlags = 0x400,
                        kTrunComposition = 0x800;
// 8.16.5, flags: the time has a small and constant distance from when the pictures happened.
constexpr std::uint32_t kPrftCapture = 24;

constexpr std::uint64_t kNtpToUnixSeconds = 2'208'988'800;  // from 1900 to 1970: RFC 868

// RFC 5905, section 6: seconds of an era (they begin anew in 2036) and their 2^-32ths.
std::uint64_t ntp_time(std::int64_t wall_ns) noexcept {
  constexpr std::int64_t kSecond = 1'000'000'000;
  std::int64_t seconds = wall_ns / kSecond, rest = wall_ns % kSecond;
  if (rest < 0) {
    rest += kSecond;
    --seconds;
  }
  const auto fraction = (static_cast<std::uint64_t>(rest) << 32) / kSecond;
  return (static_cast<std::uint64_t>(seconds) + kNtpToUnixSeconds) << 32 | fraction;
}

void write_brands(BoxWriter& out, std::string_view type) {
  const Box box(out, type);
  out.text("iso6");  // tfdt and default-base-is-moof
  out.u32(0);
  out.text("iso6cmfc");
}
constexpr std::size_t kBrandsBytes = kHead + 4 + 4 + 8;

void write_movie_header(BoxWriter& out, std::uint32_t timescale) {
  const Box box(out, "mvhd", 0, 0);
  out.zeros(8);  // creation and modification time: not said
  out.u32(timescale);
  out.u32(0);        // duration: that of the samples in moov, of which there are none
  out.u32(0x10000);  // rate 1
  out.u16(0x100);    // volume 1
  out.zeros(10);
  for (const std::uint32_t value : kMatrix) out.u32(value);
  out.zeros(24);
  out.u32(kTrackId + 1);
}

void write_track_header(BoxWriter& out, Size size) {
  const Box box(out, "tkhd", 0, 3);  // enabled, part of the movie
  out.zeros(8);
  out.u32(kTrackId);
  out.zeros(4 + 4 + 8 + 2 + 2 + 2 + 2);  // duration, layer, group, volume
  for (const std::uint32_t value : kMatrix) out.u32(value);
  out.u32(size.width << 16);
  out.u32(size.height << 16);
}

// 12.1.3 and 14496-15
void write_sample_entry(BoxWriter& out, const DecoderConfig& config, Size size) {
  const bool avc = config.codec == Codec::h264;
  const Box entry(out, avc ? "avc1" : "hvc1");
  out.zeros(6);
  out.u16(1);  // data_reference_index
  out.zeros(16);
  out.u16(size.width);
  out.u16(size.height);
  out.u32(0x480000);  // 72 dots an inch, across and down
  out.u32(0x480000);
  out.zeros(4);
  out.u16(1);  // frame_count
  out.zeros(32);
  out.u16(0x18);    // depth
  out.u16(0xffff);  // pre_defined
  const Box record(out, avc ? "avcC" : "hvcC");
  out.bytes(config.record);
}

void write_sample_table(BoxWriter& out, const DecoderConfig& config, Size size) {
  const Box table(out, "stbl");
  {
    const Box box(out, "stsd", 0, 0);
    out.u32(1);
    write_sample_entry(out, config, size);
  }
  for (const char* empty : {"stts", "stsc"}) {
    const Box box(out, empty, 0, 0);
    out.u32(0);
  }
  {
    const Box box(out, "stsz", 0, 0);
    out.zeros(8);
  }
  const Box box(out, "stco", 0, 0);
  out.u32(0);
}

void write_media_information(BoxWriter& out, const DecoderConfig& config, Size size) {
  const Box information(out, "minf");
  {
    const Box box(out, "vmhd", 0, 1);
    out.zeros(8);
  }
  {
    const Box data(out, "dinf");
    const Box references(out, "dref", 0, 0);
    out.u32(1);
    const Box url(out, "url ", 0, 1);  // in this very file
  }
  write_sample_table(out, config, size);
}

void write_media(BoxWriter& out, const DecoderConfig& config, Size size, std::uint32_t timescale) {
  const Box media(out, "mdia");
  {
    const Box box(out, "mdhd", 0, 0);
    out.zeros(8);
    out.u32(timescale);
    out.u32(0);
    out.u16(0x55c4);  // "und": ISO 639-2/T in three times five bits
    out.u16(0);
  }
  {
    const Box box(out, "hdlr", 0, 0);
    out.u32(0);
    out.text("vide");
    out.zeros(12);
    out.string("camring");
  }
  write_media_information(out, config, size);
}

void write_producer_time(BoxWriter& out, const Fmp4Fragment& fragment) {
  const Box box(out, "prft", 1, kPrftCapture);
  out.u32(kTrackId);
  out.u64(ntp_time(*fragment.capture_wall_ns));
  // Presentation time; two's complement makes the sum right for negative offsets too.
  out.u64(fragment.decode_time +
          static_cast<std::uint64_t>(std::int64_t{fragment.samples.front().composition_offset}));
}
constexpr std::size_t kProducerTimeBytes = kHead + 4 + 4 + 8 + 8;

void write_event(BoxWriter& out, const Fmp4Event& event, std::uint32_t timescale) {
  const Box box(out, "emsg", 1, 0);
  out.u32(timescale);
  out.u64(event.time);
  out.u32(event.duration);
  out.u32(event.id);
  out.string(event.scheme);
  out.string(event.value);
  out.bytes(event.data);
}
std::size_t event_bytes(const Fmp4Event& event) noexcept {
  return kHead + 4 + 4 + 8 + 4 + 4 + event.scheme.size() + 1 + event.value.size() + 1 + event.data.size();
}

constexpr std::size_t kMfhdBytes = kHead + 4 + 4, kTfhdBytes = kHead + 4 + 4, kTfdtBytes = kHead + 4 + 8,
                      kTrunBytes = kHead + 4 + 4 + 4;

// 4 bytes a field: duration, size, flags, and the composition offset where there is one.
std::size_t movie_fragment_bytes(std::size_t samples, bool offsets) noexcept {
  return 2 * kHead + kMfhdBytes + kTfhdBytes + kTfdtBytes + kTrunBytes + samples * (offsets ? 16 : 12);
}

// Means nothing in a file, or must not be in it: table 7-1 of H.264, table 7-1 of H.265.
bool is_left_out(Codec codec, NalUnit nal) noexcept {
  const int type = nal_type(codec, nal);
  constexpr int kH264Delimiter = 9, kH264Filler = 12, kHevcDelimiter = 35, kHevcFiller = 38;
  return codec == Codec::h264 ? type == kH264Delimiter || type == kH264Filler
                              : type == kHevcDelimiter || type == kHevcFiller;
}

// A slice that ends within its NAL unit's header has no picture in it.
bool is_broken(Codec codec, NalUnit nal) noexcept {
  const std::size_t header = codec == Codec::h264 ? 1 : 2;
  return nal.size() < header || (is_slice(codec, nal) && nal.size() == header);
}

}  // namespace

std::string_view to_string(Fmp4Fault fault) noexcept {
  switch (fault) {
    case Fmp4Fault::none:
      return "nothing is wrong";
    case Fmp4Fault::no_samples:
      return "no samples in it";
    case Fmp4Fault::no_picture:
      return "no picture in it";
    case Fmp4Fault::broken_nal:
      return "a NAL unit is cut off";
    case Fmp4Fault::new_parameters:
      return "its parameter sets are not those of the init segment";
    case Fmp4Fault::too_large:
      return "it is too large for a fragment";
    case Fmp4Fault::bad_event:
      return "an event's scheme or value has a zero byte in it";
  }
  return "unknown";
}

Fmp4Writer::Fmp4Writer(Codec codec, Size size, std::span<const std::uint8_t> parameter_sets,
                       std::uint32_t timescale)
    : config_(decoder_config(codec, parameter_sets)), picture_(size), timescale_(timescale) {
  constexpr std::uint32_t kMaxSize = 65535;  // 16 bits in a sample entry
  if (size.width == 0 || size.height == 0 || size.width > kMaxSize || size.height > kMaxSize) {
    throw Error(ExitCode::data, "describe video for MP4", camring::to_string(size),
                "a picture has 1 to 65535 pixels a side", "see what size the ring's writer gives");
  }
  if (timescale == 0) {
    throw Error(ExitCode::internal, "describe video for MP4", "timescale 0", "time must have units");
  }
}

std::string Fmp4Writer::mime_type() const { return "video/mp4; codecs=\"" + config_.codec_string + "\""; }

std::vector<std::uint8_t> Fmp4Writer::init_segment() const {
  std::vector<std::uint8_t> bytes(kInitBytesWithoutConfig + config_.record.size());
  BoxWriter out(bytes);
  write_brands(out, "ftyp");
  {
    const Box movie(out, "moov");
    write_movie_header(out, timescale_);
    {
      const Box track(out, "trak");
      write_track_header(out, picture_);
      write_media(out, config_, picture_, timescale_);
    }
    const Box extends(out, "mvex");
    const Box box(out, "trex", 0, 0);
    out.u32(kTrackId);
    out.u32(1);     // default_sample_description_index
    out.zeros(12);  // default duration, size, flags: each fragment tells its own
  }
  bytes.resize(out.position());
  return bytes;
}

Fmp4Fault Fmp4Writer::plan_sample(const Fmp4Sample& sample) {
  bool picture = false;
  std::uint32_t bytes = 0;
  std::span<const std::uint8_t> rest = sample.access_unit;
  while (!rest.empty()) {
    const NalUnit nal = next_nal(rest);
    if (nal.empty()) continue;  // bytes without a start code, or zeros at the end
    if (is_broken(config_.codec, nal)) return Fmp4Fault::broken_nal;
    if (is_parameter_set(config_.codec, nal)) {
      if (!config_.has(nal)) return Fmp4Fault::new_parameters;
      continue;
    }
    if (is_left_out(config_.codec, nal)) continue;
    picture = picture || is_slice(config_.codec, nal);
    nals_.push_back(nal);
    bytes += static_cast<std::uint32_t>(4 + nal.size());
  }
  if (!picture) return Fmp4Fault::no_picture;
  sample_bytes_.push_back(bytes);
  payload_bytes_ += bytes;
  return Fmp4Fault::none;
}

Fmp4Fault Fmp4Writer::plan(const Fmp4Fragment& fragment) {
  size_ = payload_bytes_ = 0;
  sample_bytes_.clear();
  nals_.clear();
  if (fragment.samples.empty()) return Fmp4Fault::no_samples;
  // First of all, so that no sum below can leave 32 bits: a NAL unit grows by one byte of its four at most,
  // and a sample of two bytes or more takes sixteen in the table.
  std::size_t limit = kMaxFragmentBytes;
  const auto fits = [&limit](std::size_t bytes) {
    if (bytes > limit) return false;
    limit -= bytes;
    return true;
  };
  offsets_ = false;
  for (const Fmp4Sample& sample : fragment.samples) {
    if (!fits(sample.access_unit.size())) return Fmp4Fault::too_large;
    offsets_ = offsets_ || sample.composition_offset != 0;
  }
  std::size_t before =
      (fragment.segment_type ? kBrandsBytes : 0) + (fragment.capture_wall_ns ? kProducerTimeBytes : 0);
  for (const Fmp4Event& event : fragment.events) {
    if (!fits(event.scheme.size()) || !fits(event.value.size()) || !fits(event.data.size())) {
      return Fmp4Fault::too_large;
    }
    if (event.scheme.find('\0') != std::string_view::npos ||
        event.value.find('\0') != std::string_view::npos) {
      return Fmp4Fault::bad_event;
    }
    before += event_bytes(event);
  }
  for (const Fmp4Sample& sample : fragment.samples) {
    const Fmp4Fault fault = plan_sample(sample);
    if (fault != Fmp4Fault::none) return fault;
  }
  moof_bytes_ = movie_fragment_bytes(sample_bytes_.size(), offsets_);
  fragment_ = fragment;
  size_ = before + moof_bytes_ + kHead + payload_bytes_;
  return Fmp4Fault::none;
}

bool Fmp4Writer::write(std::span<std::uint8_t> bytes) {
  if (size_ == 0 || bytes.size() < size_) return false;
  BoxWriter out(bytes.first(size_));
  size_ = 0;  // what was borrowed may go when this has returned
  if (fragment_.segment_type) write_brands(out, "styp");
  if (fragment_.capture_wall_ns) write_producer_time(out, fragment_);
  for (const Fmp4Event& event : fragment_.events) write_event(out, event, timescale_);
  {
    const Box moof(out, "moof");
    {
      const Box box(out, "mfhd", 0, 0);
      out.u32(fragment_.sequence);
    }
    const Box traf(out, "traf");
    {
      const Box box(out, "tfhd", 0, 0x20000);  // default-base-is-moof
      out.u32(kTrackId);
    }
    {
      const Box box(out, "tfdt", 1, 0);
      out.u64(fragment_.decode_time);
    }
    // Version 1: composition offsets have a sign.
    const Box box(out, "trun", 1,
                  kTrunOffset | kTrunDuration | kTrunSize | kTrunFlags | (offsets_ ? kTrunComposition : 0));
    out.u32(static_cast<std::uint32_t>(sample_bytes_.size()));
    out.u32(static_cast<std::uint32_t>(moof_bytes_ + kHead));
    for (std::size_t i = 0; i < sample_bytes_.size(); ++i) {
      const Fmp4Sample& sample = fragment_.samples[i];
      out.u32(sample.duration);
      out.u32(sample_bytes_[i]);
      out.u32(sample.sync ? kSyncSample : kOtherSample);
      if (offsets_) out.u32(static_cast<std::uint32_t>(sample.composition_offset));
    }
  }
  const Box mdat(out, "mdat");
  for (const NalUnit nal : nals_) {
    out.u32(static_cast<std::uint32_t>(nal.size()));
    out.bytes(nal);
  }
  return true;
}

Fmp4Fault Fmp4Writer::write(const Fmp4Fragment& fragment, std::vector<std::uint8_t>& out) {
  const Fmp4Fault fault = plan(fragment);
  if (fault != Fmp4Fault::none) return fault;
  out.resize(size_);
  return write(std::span(out)) ? Fmp4Fault::none : Fmp4Fault::too_large;
}

}  // namespace camring::av
