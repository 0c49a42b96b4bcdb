// What the writer makes is read three times: by a small reader of boxes, by libavformat and libavcodec, and
// beside what libavformat's own muxer makes of the same packets.
#include "av/fmp4.h"

#include <algorithm>
#include <cstring>

#include "av/convert.h"
#include "av/ffmpeg_ptr.h"
#include "av/video_encoder.h"
#include "base/error.h"
#include "catch.h"
#include "mp4_reader.h"
#include "pictures.h"

using namespace camring;
using namespace camring::av;
using test::boxes;
using test::Bytes;
using test::Cursor;
using test::find;

namespace {

constexpr std::uint32_t kFrame = 3000;  // 90 kHz, 30 a second

struct Stream {
  Codec codec = Codec::h264;
  Size size{322, 182};
  Bytes extradata;
  std::vector<Bytes> units;
  std::vector<bool> keys;
};

// Waves that get brighter, so that every picture is another.
Stream encode(Codec codec, int count = 20) {
  Stream stream;
  stream.codec = codec;
  VideoOrder order;
  order.codec = codec;
  order.size = stream.size;
  order.rate = {30, 1};
  std::vector<const EncoderKind*> passed_over;
  const auto encoder = open_encoder(codec == Codec::h264 ? "x264" : "x265", order, passed_over);
  stream.extradata = encoder->extradata();
  Image picture;
  picture.reshape(encoder->input(), order.size, {});
  for (int i = 0; i < count; ++i) {
    test::waves(picture.span());
    std::memset(picture.span().data[0], 16 + 10 * i,
                60 * static_cast<std::size_t>(picture.span().stride_bytes[0]));
    REQUIRE(encoder->push(picture.view(), i, i % 8 == 0));
    EncodedUnit unit;
    REQUIRE(encoder->pull(unit));
    stream.units.emplace_back(unit.bytes.begin(), unit.bytes.end());
    stream.keys.push_back(unit.keyframe);
  }
  return stream;
}

Fmp4Sample sample(const Stream& stream, std::size_t index, std::int32_t offset = 0) {
  return {stream.units[index], kFrame, stream.keys[index], offset};
}

// The whole file, with so many samples in a fragment.
Bytes write_all(const Stream& stream, std::size_t per_fragment = 1, std::uint64_t first_time = 0,
                const std::vector<std::int32_t>& offsets = {}) {
  Fmp4Writer writer(stream.codec, stream.size, stream.extradata);
  Bytes file = writer.init_segment();
  std::uint32_t sequence = 1;
  for (std::size_t i = 0; i < stream.units.size(); i += per_fragment) {
    std::vector<Fmp4Sample> samples;
    for (std::size_t k = i; k < std::min(i + per_fragment, stream.units.size()); ++k) {
      samples.push_back(sample(stream, k, offsets.empty() ? 0 : offsets[k % offsets.size()]));
    }
    Fmp4Fragment fragment;
    fragment.sequence = sequence++;
    fragment.decode_time = first_time + i * kFrame;
    fragment.samples = samples;
    Bytes bytes;
    REQUIRE(writer.write(fragment, bytes) == Fmp4Fault::none);
    file.insert(file.end(), bytes.begin(), bytes.end());
  }
  return file;
}

// The NAL units of an access unit that belong in a file.
std::vector<Bytes> wanted_nals(Codec codec, std::span<const std::uint8_t> unit) {
  std::vector<Bytes> all;
  while (!unit.empty()) {
    const NalUnit nal = next_nal(unit);
    const int type = nal_type(codec, nal);
    if (nal.empty() || is_parameter_set(codec, nal) || type == (codec == Codec::h264 ? 9 : 35)) continue;
    all.emplace_back(nal.begin(), nal.end());
  }
  return all;
}

// libavformat over bytes in memory.
class Memory {
 public:
  explicit Memory(const Bytes& bytes) : bytes_(bytes) {
    auto* buffer = static_cast<unsigned char*>(av_malloc(4096));
    io_.reset(avio_alloc_context(buffer, 4096, 0, this, &read, nullptr, nullptr));
    REQUIRE(io_);
  }
  AVIOContext* io() { return io_.get(); }

 private:
  static int read(void* opaque, std::uint8_t* to, int size) {
    auto* self = static_cast<Memory*>(opaque);
    const std::size_t left = self->bytes_.size() - self->at_;
    const auto count = std::min(left, static_cast<std::size_t>(size));
    if (count == 0) return AVERROR_EOF;
    std::memcpy(to, self->bytes_.data() + self->at_, count);
    self->at_ += count;
    return static_cast<int>(count);
  }
  const Bytes& bytes_;
  std::size_t at_ = 0;
  IoPtr io_;
};

struct Demuxed {
  std::vector<std::int64_t> pts, dts, durations;
  std::vector<bool> keys;
  std::vector<Bytes> data;
  Bytes extradata;
  Size size;
  std::uint32_t tag = 0;
  AVRational time_base{};
  std::vector<Bytes> pictures;  // luma
};

void decode(AVCodecContext& context, const AVPacket* packet, std::vector<Bytes>& pictures) {
  REQUIRE(avcodec_send_packet(&context, packet) >= 0);
  const FramePtr frame = make_frame();
  while (avcodec_receive_frame(&context, frame.get()) >= 0) {
    Bytes luma;
    for (int y = 0; y < frame->height; ++y) {
      const std::uint8_t* row = frame->data[0] + std::ptrdiff_t{y} * frame->linesize[0];
      luma.insert(luma.end(), row, row + frame->width);
    }
    pictures.push_back(std::move(luma));
  }
}

CodecPtr open_decoder(AVCodecID id, const AVCodecParameters* parameters) {
  const AVCodec* codec = avcodec_find_decoder(id);
  CodecPtr context(avcodec_alloc_context3(codec));
  REQUIRE(context);
  if (parameters != nullptr) REQUIRE(avcodec_parameters_to_context(context.get(), parameters) >= 0);
  context->thread_count = 1;
  REQUIRE(avcodec_open2(context.get(), codec, nullptr) >= 0);
  return context;
}

Demuxed demux(const Bytes& file) {
  Memory memory(file);
  AVFormatContext* raw = avformat_alloc_context();
  raw->pb = memory.io();
  REQUIRE(avformat_open_input(&raw, nullptr, av_find_input_format("mp4"), nullptr) >= 0);
  const InputPtr input(raw);
  REQUIRE(avformat_find_stream_info(input.get(), nullptr) >= 0);
  REQUIRE(input->nb_streams == 1);
  const AVStream& stream = *input->streams[0];
  Demuxed result;
  result.time_base = stream.time_base;
  result.tag = stream.codecpar->codec_tag;
  result.size = {static_cast<std::uint32_t>(stream.codecpar->width),
                 static_cast<std::uint32_t>(stream.codecpar->height)};
  result.extradata.assign(stream.codecpar->extradata,
                          stream.codecpar->extradata + stream.codecpar->extradata_size);
  const CodecPtr decoder = open_decoder(stream.codecpar->codec_id, stream.codecpar);
  const PacketPtr packet = make_packet();
  while (av_read_frame(input.get(), packet.get()) >= 0) {
    result.pts.push_back(packet->pts);
    result.dts.push_back(packet->dts);
    result.durations.push_back(packet->duration);
    result.keys.push_back((packet->flags & AV_PKT_FLAG_KEY) != 0);
    result.data.emplace_back(packet->data, packet->data + packet->size);
    decode(*decoder, packet.get(), result.pictures);
    av_packet_unref(packet.get());
  }
  decode(*decoder, nullptr, result.pictures);
  return result;
}

// Straight from Annex B, as the encoder made it.
std::vector<Bytes> decode_directly(const Stream& stream) {
  const CodecPtr decoder = open_decoder(to_av(stream.codec), nullptr);
  std::vector<Bytes> pictures;
  const PacketPtr packet = make_packet();
  for (const Bytes& unit : stream.units) {
    REQUIRE(av_new_packet(packet.get(), static_cast<int>(unit.size())) >= 0);
    std::memcpy(packet->data, unit.data(), unit.size());
    decode(*decoder, packet.get(), pictures);
    av_packet_unref(packet.get());
  }
  decode(*decoder, nullptr, pictures);
  return pictures;
}

// What libavformat's muxer makes of the same packets.
Bytes write_by_libavformat(const Stream& stream) {
  AVFormatContext* raw = nullptr;
  REQUIRE(avformat_alloc_output_context2(&raw, nullptr, "mp4", nullptr) >= 0);
  const OutputPtr output(raw);
  REQUIRE(avio_open_dyn_buf(&output->pb) >= 0);
  AVStream* track = avformat_new_stream(output.get(), nullptr);
  track->time_base = {1, 90000};
  AVCodecParameters& parameters = *track->codecpar;
  parameters.codec_type = AVMEDIA_TYPE_VIDEO;
  parameters.codec_id = to_av(stream.codec);
  if (stream.codec == Codec::hevc) parameters.codec_tag = MKTAG('h', 'v', 'c', '1');
  parameters.width = static_cast<int>(stream.size.width);
  parameters.height = static_cast<int>(stream.size.height);
  parameters.extradata =
      static_cast<std::uint8_t*>(av_mallocz(stream.extradata.size() + AV_INPUT_BUFFER_PADDING_SIZE));
  std::memcpy(parameters.extradata, stream.extradata.data(), stream.extradata.size());
  parameters.extradata_size = static_cast<int>(stream.extradata.size());
  Dictionary options;
  options.set("movflags", "frag_every_frame+empty_moov+default_base_moof");
  options.set("video_track_timescale", std::int64_t{90000});
  REQUIRE(avformat_write_header(output.get(), options.address()) >= 0);
  const PacketPtr packet = make_packet();
  for (std::size_t i = 0; i < stream.units.size(); ++i) {
    REQUIRE(av_new_packet(packet.get(), static_cast<int>(stream.units[i].size())) >= 0);
    std::memcpy(packet->data, stream.units[i].data(), stream.units[i].size());
    packet->pts = packet->dts = static_cast<std::int64_t>(i) * kFrame;
    packet->duration = kFrame;
    if (stream.keys[i]) packet->flags |= AV_PKT_FLAG_KEY;
    REQUIRE(av_write_frame(output.get(), packet.get()) >= 0);
    av_packet_unref(packet.get());
  }
  REQUIRE(av_write_trailer(output.get()) >= 0);
  std::uint8_t* bytes = nullptr;
  const int size = avio_close_dyn_buf(output->pb, &bytes);
  Bytes file(bytes, bytes + size);
  av_free(bytes);
  // Its index at the end is not ours to compare.
  return file;
}

Bytes annex_b(std::initializer_list<Bytes> nals) {
  Bytes stream;
  for (const Bytes& nal : nals) {
    stream.insert(stream.end(), {0, 0, 1});
    stream.insert(stream.end(), nal.begin(), nal.end());
  }
  return stream;
}

// A small writer and what goes with it, for what needs no decoder.
const Bytes kSps{0x67, 0x42, 0xc0, 0x0a, 0xd9, 0x04, 0x7b, 0x01, 0x10},
    kPps{0x68, 0xcb, 0x80, 0x65, 0x2c, 0x80};
Fmp4Writer small() { return {Codec::h264, {64, 48}, annex_b({kSps, kPps})}; }
Fmp4Fault fault_of(const Bytes& unit) {
  Fmp4Writer writer = small();
  const std::vector<Fmp4Sample> samples{{unit, 1, true, 0}};
  Fmp4Fragment fragment;
  fragment.samples = samples;
  Bytes out;
  const Fmp4Fault fault = writer.write(fragment, out);
  CHECK((fault == Fmp4Fault::none) == !out.empty());
  CHECK(writer.size() == 0);
  return fault;
}

}  // namespace

TEST_CASE("fmp4: the init segment has the boxes of CMAF, each where it belongs") {
  const Stream stream = encode(Codec::h264, 1);
  const Fmp4Writer writer(stream.codec, stream.size, stream.extradata);
  const Bytes init = writer.init_segment();
  CHECK(test::types(init) == "ftyp moov");
  const auto brands = find(init, "ftyp");
  CHECK(std::string(brands.begin(), brands.end()) == std::string("iso6\0\0\0\0iso6cmfc", 16));
  const auto moov = find(init, "moov");
  CHECK(test::types(moov) == "mvhd trak mvex");
  CHECK(test::types(find(moov, "trak")) == "tkhd mdia");
  CHECK(test::types(find(moov, "trak/mdia")) == "mdhd hdlr minf");
  CHECK(test::types(find(moov, "trak/mdia/minf")) == "vmhd dinf stbl");
  CHECK(test::types(find(moov, "trak/mdia/minf/stbl")) == "stsd stts stsc stsz stco");

  Cursor mvhd(find(moov, "mvhd"));
  CHECK(mvhd.n(4) == 0);
  mvhd.take(8);
  CHECK(mvhd.n(4) == kVideoTimescale);
  CHECK(mvhd.n(4) == 0);
  CHECK(mvhd.n(4) == 0x10000);
  CHECK(mvhd.n(2) == 0x100);
  mvhd.take(10 + 36 + 24);
  CHECK(mvhd.n(4) == 2);
  CHECK(mvhd.done());

  Cursor tkhd(find(moov, "trak/tkhd"));
  CHECK(tkhd.n(4) == 3);
  tkhd.take(8);
  CHECK(tkhd.n(4) == 1);
  tkhd.take(4 + 4 + 8 + 8 + 36);
  CHECK(tkhd.n(4) == 322u << 16);
  CHECK(tkhd.n(4) == 182u << 16);
  CHECK(tkhd.done());

  Cursor mdhd(find(moov, "trak/mdia/mdhd"));
  mdhd.take(12);
  CHECK(mdhd.n(4) == kVideoTimescale);
  CHECK(mdhd.n(4) == 0);
  CHECK(mdhd.n(2) == 0x55c4);
  CHECK(mdhd.n(2) == 0);
  CHECK(mdhd.done());

  Cursor hdlr(find(moov, "trak/mdia/hdlr"));
  hdlr.take(8);
  CHECK(hdlr.n(4) == 0x76696465);
  hdlr.take(12);
  CHECK(hdlr.text() == "camring");
  CHECK(hdlr.done());

  CHECK(find(moov, "trak/mdia/minf/vmhd").size() == 12);
  Cursor dref(find(moov, "trak/mdia/minf/dinf/dref"));
  CHECK(dref.n(8) == 1);
  CHECK(test::types(dref.rest()) == "url ");
  for (const char* table : {"stts", "stsc", "stco"}) {
    CHECK(Cursor(find(moov, std::string("trak/mdia/minf/stbl/") + table)).n(8) == 0);
  }
  CHECK(Cursor(find(moov, "trak/mdia/minf/stbl/stsz")).take(12).back() == 0);

  Cursor trex(find(moov, "mvex/trex"));
  CHECK(trex.n(4) == 0);
  CHECK(trex.n(4) == 1);
  CHECK(trex.n(4) == 1);
  CHECK(trex.n(8) == 0);
  CHECK(trex.n(4) == 0);
  CHECK(trex.done());

  const auto entry = test::sample_entry(init);
  CHECK(entry.type == "avc1");
  CHECK(entry.width == 322);
  CHECK(entry.height == 182);
  CHECK(entry.inner.at("avcC") == writer.config().record);
  CHECK(writer.mime_type() == "video/mp4; codecs=\"" + writer.config().codec_string + "\"");
}

TEST_CASE("fmp4: libavformat and libavcodec read everything back") {
  for (const Codec codec : {Codec::h264, Codec::hevc}) {
    const Stream stream = encode(codec);
    const std::vector<Bytes> direct = decode_directly(stream);
    REQUIRE(direct.size() == stream.units.size());
    for (const std::size_t per_fragment : {1u, 3u, 20u}) {
      CAPTURE(codec, per_fragment);
      constexpr std::uint64_t kLate = 0x1'2345'6789;  // more than 32 bits of ticks
      const Demuxed read = demux(write_all(stream, per_fragment, kLate));
      REQUIRE(read.pts.size() == stream.units.size());
      CHECK(read.size == stream.size);
      CHECK(read.tag == (codec == Codec::h264 ? MKTAG('a', 'v', 'c', '1') : MKTAG('h', 'v', 'c', '1')));
      CHECK(read.time_base.den == 90000);
      CHECK(read.extradata == Fmp4Writer(codec, stream.size, stream.extradata).config().record);
      for (std::size_t i = 0; i < read.pts.size(); ++i) {
        CHECK(read.pts[i] == static_cast<std::int64_t>(kLate + i * kFrame));
        CHECK(read.dts[i] == read.pts[i]);
        CHECK(read.durations[i] == kFrame);
        CHECK(read.keys[i] == stream.keys[i]);
        CHECK(test::nals(read.data[i]) == wanted_nals(codec, stream.units[i]));
      }
      CHECK(read.pictures == direct);
    }
  }
}

TEST_CASE("fmp4: libavformat's own muxer writes the same records, times, sizes, flags and NAL units") {
  for (const Codec codec : {Codec::h264, Codec::hevc}) {
    CAPTURE(codec);
    const Stream stream = encode(codec);
    const Bytes ours = write_all(stream), theirs = write_by_libavformat(stream);
    const auto our_entry = test::sample_entry(ours), their_entry = test::sample_entry(theirs);
    CHECK(our_entry.type == their_entry.type);
    CHECK(our_entry.width == their_entry.width);
    CHECK(our_entry.height == their_entry.height);
    const char* record = codec == Codec::h264 ? "avcC" : "hvcC";
    CHECK(our_entry.inner.at(record) == their_entry.inner.at(record));
    const auto our_samples = test::samples(ours), their_samples = test::samples(theirs);
    REQUIRE(our_samples.size() == stream.units.size());
    REQUIRE(their_samples.size() == stream.units.size());
    for (std::size_t i = 0; i < our_samples.size(); ++i) {
      CAPTURE(i);
      const auto &a = our_samples[i], &b = their_samples[i];
      CHECK(a.decode_time == b.decode_time);
      CHECK(a.duration == b.duration);
      CHECK(a.flags == b.flags);
      CHECK(a.composition_offset == b.composition_offset);
      // Theirs leaves the parameter sets in avc1's samples.
      std::uint32_t sets = 0;
      std::vector<Bytes> kept;
      for (const Bytes& nal : test::nals(b.data)) {
        if (is_parameter_set(codec, nal)) {
          sets += static_cast<std::uint32_t>(4 + nal.size());
        } else {
          kept.push_back(nal);
        }
      }
      CHECK(test::nals(a.data) == kept);
      CHECK(a.size + sets == b.size);
    }
  }
}

TEST_CASE("fmp4: composition offsets of both signs reach the player") {
  const Stream stream = encode(Codec::h264, 6);
  const std::vector<std::int32_t> offsets{0, 6000, -3000};
  const Bytes file = write_all(stream, 3, 90000, offsets);
  const auto read = test::samples(file);
  REQUIRE(read.size() == 6);
  const Demuxed demuxed = demux(file);
  REQUIRE(demuxed.pts.size() == 6);
  for (std::size_t i = 0; i < read.size(); ++i) {
    CHECK(read[i].composition_offset == offsets[i % 3]);
    // Against the first: libavformat moves all times so that none is shown before it is decoded.
    CHECK(demuxed.pts[i] - demuxed.pts[0] == static_cast<std::int64_t>(i * kFrame) + offsets[i % 3]);
  }
}

TEST_CASE("fmp4: delimiters, filler and parameter sets stay out of the samples, all else stays in") {
  Fmp4Writer writer = small();
  const Bytes sei{0x06, 0x05, 0x01, 0xaa, 0x80}, idr{0x65, 0x88, 0x84}, second{0x65, 0x44}, end{0x0b, 0x01};
  Bytes unit{0, 0};  // zeros in front and behind belong to no NAL unit
  const Bytes body = annex_b({{0x09, 0x10}, kSps, kPps, sei, idr, second, {0x0c, 0xff, 0x80}, end});
  unit.insert(unit.end(), body.begin(), body.end());
  unit.insert(unit.end(), 4, 0);
  const std::vector<Fmp4Sample> samples{{unit, 7, true, 0}};
  Fmp4Fragment fragment;
  fragment.sequence = 9;
  fragment.samples = samples;
  Bytes out;
  REQUIRE(writer.write(fragment, out) == Fmp4Fault::none);
  CHECK(test::types(out) == "moof mdat");
  CHECK(Cursor(find(out, "moof/mfhd")).n(8) == 9);
  const auto read = test::samples(out);
  REQUIRE(read.size() == 1);
  CHECK(test::nals(read[0].data) == std::vector<Bytes>{sei, idr, second, end});
}

TEST_CASE("fmp4: styp, prft and emsg stand in front, in CMAF's order") {
  Fmp4Writer writer = small();
  const Bytes idr = annex_b({{0x65, 0x88, 0x84}}), data{1, 2, 3};
  const std::vector<Fmp4Sample> samples{{idr, 3000, true, 1500}};
  std::vector<Fmp4Event> events(2);
  events[0].scheme = "urn:example:detections";
  events[0].value = "1";
  events[0].time = 0x1'0000'0001;
  events[0].duration = 3000;
  events[0].id = 77;
  events[0].data = data;
  Fmp4Fragment fragment;
  fragment.samples = samples;
  fragment.decode_time = 0x1'0000'0000;
  fragment.segment_type = true;
  fragment.capture_wall_ns = 1'700'000'000'500'000'000;
  fragment.events = events;
  Bytes out;
  REQUIRE(writer.write(fragment, out) == Fmp4Fault::none);
  CHECK(test::types(out) == "styp prft emsg emsg moof mdat");
  Cursor prft(find(out, "prft"));
  CHECK(prft.n(4) == (1u << 24 | 24));
  CHECK(prft.n(4) == 1);
  CHECK(prft.n(4) == 1'700'000'000 + 2'208'988'800);
  CHECK(prft.n(4) == 0x8000'0000);
  CHECK(prft.n(8) == 0x1'0000'0000 + 1500);
  CHECK(prft.done());
  Cursor emsg(find(out, "emsg"));
  CHECK(emsg.n(4) == 1u << 24);
  CHECK(emsg.n(4) == kVideoTimescale);
  CHECK(emsg.n(8) == 0x1'0000'0001);
  CHECK(emsg.n(4) == 3000);
  CHECK(emsg.n(4) == 77);
  CHECK(emsg.text() == "urn:example:detections");
  CHECK(emsg.text() == "1");
  CHECK(Bytes(emsg.rest().begin(), emsg.rest().end()) == data);
  CHECK(test::samples(out).at(0).decode_time == 0x1'0000'0000);
  events[1].value = std::string_view("a\0b", 3);
  CHECK(writer.write(fragment, out) == Fmp4Fault::bad_event);
}

TEST_CASE("fmp4: NTP's era ends in 2036, and times before 1970 are times") {
  Fmp4Writer writer = small();
  const Bytes idr = annex_b({{0x65, 0x88, 0x84}});
  const std::vector<Fmp4Sample> samples{{idr, 1, true, 0}};
  Fmp4Fragment fragment;
  fragment.samples = samples;
  const auto ntp = [&](std::int64_t wall_ns) {
    fragment.capture_wall_ns = wall_ns;
    Bytes out;
    REQUIRE(writer.write(fragment, out) == Fmp4Fault::none);
    return Cursor(find(out, "prft").subspan(8)).n(8);
  };
  CHECK(ntp(2'085'978'496'000'000'000) == 0);  // 7 February 2036, 06:28:16
  CHECK(ntp(0) == std::uint64_t{2'208'988'800} << 32);
  CHECK(ntp(-250'000'000) == ((std::uint64_t{2'208'988'799} << 32) | 0xc000'0000));
}

TEST_CASE("fmp4: a plan says the size before anything is written, and holds for one fragment") {
  Fmp4Writer writer = small();
  const Bytes idr = annex_b({{0x65, 0x88, 0x84}});
  const std::vector<Fmp4Sample> samples{{idr, 1, true, 0}};
  Fmp4Fragment fragment;
  fragment.samples = samples;
  Bytes out(1000, 0xee);
  CHECK_FALSE(writer.write(std::span(out)));
  REQUIRE(writer.plan(fragment) == Fmp4Fault::none);
  const std::size_t size = writer.size();
  REQUIRE(size > 8);
  CHECK_FALSE(writer.write(std::span(out).first(size - 1)));
  CHECK(out[0] == 0xee);
  CHECK(writer.write(std::span(out)));
  CHECK(out[size] == 0xee);
  CHECK(test::types(std::span(out).first(size)) == "moof mdat");
  CHECK_FALSE(writer.write(std::span(out)));
  REQUIRE(writer.plan(fragment) == Fmp4Fault::none);
  fragment.samples = {};
  CHECK(writer.plan(fragment) == Fmp4Fault::no_samples);
  CHECK_FALSE(writer.write(std::span(out)));
}

TEST_CASE("fmp4: what is no access unit is refused, and says why") {
  CHECK(fault_of(annex_b({{0x65, 0x88}})) == Fmp4Fault::none);
  CHECK(fault_of({}) == Fmp4Fault::no_picture);
  CHECK(fault_of({0, 0, 1}) == Fmp4Fault::no_picture);
  CHECK(fault_of({0, 0, 0, 3, 0x65, 0x88, 0x84}) == Fmp4Fault::no_picture);  // already with lengths
  CHECK(fault_of(annex_b({kSps, kPps})) == Fmp4Fault::no_picture);
  CHECK(fault_of(annex_b({{0x65}})) == Fmp4Fault::broken_nal);
  Bytes other = kPps;
  other[1] = 0x55;
  CHECK(fault_of(annex_b({kSps, other, {0x65, 0x88}})) == Fmp4Fault::new_parameters);
  for (int i = 0; i <= static_cast<int>(Fmp4Fault::bad_event); ++i) {
    CHECK(to_string(static_cast<Fmp4Fault>(i)) != "unknown");
  }

  const Bytes big(1 << 20, 0x55);
  const std::vector<Fmp4Sample> many(257, {big, 1, true, 0});
  Fmp4Writer writer = small();
  Fmp4Fragment fragment;
  fragment.samples = many;
  CHECK(writer.plan(fragment) == Fmp4Fault::too_large);
  const Stream hevc = encode(Codec::hevc, 1);
  Fmp4Writer other_writer(hevc.codec, hevc.size, hevc.extradata);
  const Bytes half_header = annex_b({{0x26}});
  const std::vector<Fmp4Sample> broken{{half_header, 1, true, 0}};
  fragment.samples = broken;
  CHECK(other_writer.plan(fragment) == Fmp4Fault::broken_nal);
}

TEST_CASE("fmp4: a picture without size and a clock without units are refused") {
  const Bytes sets = annex_b({kSps, kPps});
  CHECK_THROWS_AS(Fmp4Writer(Codec::h264, Size{0, 48}, sets), Error);
  CHECK_THROWS_AS(Fmp4Writer(Codec::h264, Size{64, 65536}, sets), Error);
  CHECK_THROWS_AS(Fmp4Writer(Codec::h264, Size{64, 48}, sets, 0), Error);
  CHECK_THROWS_AS(Fmp4Writer(Codec::h264, Size{64, 48}, Bytes{}), Error);
  CHECK(Cursor(find(Fmp4Writer(Codec::h264, Size{64, 48}, sets, 1000).init_segment(), "moov/trak/mdia/mdhd")
                   .subspan(12))
            .n(4) == 1000);
}
