#include <algorithm>

#include "av/video_encoder.h"
#include "pipeline_fixture.h"

using namespace camring;
using namespace camring::shmpub;
using namespace camring::shmpub::test;

namespace {

FrameFormat raw_source(PixelFormat pixels = PixelFormat::i420, Size size = {640, 480}) {
  FrameFormat format = raw_format(pixels, size, {30, 1});
  format.colour.range = 1;
  return format;
}

void feed(Bench& bench, HandSource& source, int count, std::uint64_t first = 0) {
  for (std::uint64_t n = first; n < first + static_cast<std::uint64_t>(count); ++n) {
    const auto payload = source.format().codec == Codec::mjpeg ? jpeg_frame(source.format().size, n)
                                                               : raw_frame(source.format(), n);
    bench.pipeline->process(source, frame_of(n, payload));
  }
}

// Every frame shows the number that it says, and has the source's times and metadata.
void check_identity(const FrameFormat& format, const std::vector<Received>& frames) {
  for (const Received& frame : frames) {
    const std::uint64_t n = frame.info.source_number - kFirstNumber;
    const SourceFrame expected = frame_of(n, {});
    INFO("source number " << frame.info.source_number);
    CHECK(number_in(format, frame.payload) == static_cast<std::uint32_t>(frame.info.source_number));
    CHECK(frame.info.capture_ns == expected.info.capture_ns);
    CHECK(frame.info.source_capture_ns == expected.info.source_capture_ns);
    CHECK(frame.info.publish_ns > 0);
    CHECK(frame.metadata == expected.metadata);
    CHECK(frame.info.keyframe());
  }
}

}  // namespace

TEST_CASE("pipeline: each output shows the frame whose number it says, in every format and size") {
  for (const bool mjpeg : {false, true}) {
    const FrameFormat format = mjpeg ? coded_format(Codec::mjpeg, {640, 480}, {30, 1}) : raw_source();
    const std::vector<std::string> orders{"a:raw",
                                          "b:raw,nv12,320x240",
                                          "c:raw,rgb24",
                                          "d:raw,bgr24,321x241@15",
                                          "e:raw,gray8,160x120@5",
                                          "f:mjpeg",
                                          "g:mjpeg,q60",
                                          "h:mjpeg,320x240,q80@10",
                                          "i:mjpeg,gray8,800x600"};
    Bench bench(orders);
    HandSource source(format);
    bench.pipeline->follow(format);
    std::vector<RingReader> readers;
    for (char name = 'a'; name <= 'i'; ++name) readers.push_back(read_all({name}));
    feed(bench, source, 30);
    const std::size_t expected[] = {30, 30, 30, 15, 5, 30, 30, 10, 30};
    for (std::size_t i = 0; i < readers.size(); ++i) {
      const auto frames = received(readers[i]);
      INFO(orders[i] << " of " << describe(format) << " is " << describe(readers[i].format()));
      CHECK(frames.size() == expected[i]);
      check_identity(readers[i].format(), frames);
    }
    CHECK(readers[3].format().size == Size{321, 241});
    CHECK(readers[3].format().rate == Rate{15, 1});
    CHECK(readers[0].format().rate == Rate{30, 1});
    CHECK(readers[8].format().size == Size{800, 600});
  }
}

TEST_CASE("pipeline: bytes that fit are never touched") {
  {
    Bench bench({"same:mjpeg", "slow:mjpeg@10", "sized:mjpeg,640x480", "again:mjpeg,q70"});
    const FrameFormat format = coded_format(Codec::mjpeg, {640, 480}, {30, 1});
    HandSource source(format);
    bench.pipeline->follow(format);
    auto same = read_all("same"), slow = read_all("slow"), sized = read_all("sized"),
         again = read_all("again");
    feed(bench, source, 9);
    for (RingReader* reader : {&same, &slow, &sized}) {
      const auto frames = received(*reader);
      CHECK(frames.size() == (reader == &slow ? 3 : 9));
      for (const Received& frame : frames) {
        CHECK(frame.payload == jpeg_frame({640, 480}, frame.info.source_number - kFirstNumber));
      }
    }
    const auto encoded = received(again);
    REQUIRE(encoded.size() == 9);
    CHECK(encoded[0].payload != jpeg_frame({640, 480}, 0));
  }
  Bench bench({"same:raw@15"});
  FrameFormat format = raw_format(PixelFormat::nv12, {322, 200}, {30, 1}, 64);  // padded rows stay padded
  HandSource source(format);
  bench.pipeline->follow(format);
  auto same = read_all("same");
  feed(bench, source, 4);
  const auto frames = received(same);
  REQUIRE(frames.size() == 2);
  CHECK(frames[1].payload == raw_frame(format, 2));
  CHECK(same.format().planes == format.planes);
}

TEST_CASE("pipeline: a rate is kept by taking every n-th frame exactly") {
  Bench bench({"half:raw,160x120@15", "fifth:mjpeg@6"});
  HandSource source(raw_source());
  bench.pipeline->follow(source.format());
  auto half = read_all("half"), fifth = read_all("fifth");
  feed(bench, source, 60);
  const auto spacing = [](const std::vector<Received>& frames, std::uint64_t step) {
    for (std::size_t i = 1; i < frames.size(); ++i) {
      if (frames[i].info.source_number != frames[i - 1].info.source_number + step) return false;
    }
    return true;
  };
  const auto half_frames = received(half), fifth_frames = received(fifth);
  CHECK(half_frames.size() == 30);
  CHECK(spacing(half_frames, 2));
  CHECK(fifth_frames.size() == 12);
  CHECK(spacing(fifth_frames, 5));
}

TEST_CASE("pipeline: one decode a frame, one scale a picture, one encode an output") {
  Bench bench(
      {"a:mjpeg,320x240,q50", "b:mjpeg,320x240,q90", "c:raw,320x240", "d:raw,320x240", "e:mjpeg,160x120"});
  HandSource source(coded_format(Codec::mjpeg, {640, 480}, {30, 1}));
  bench.pipeline->follow(source.format());
  feed(bench, source, 10);
  CHECK(bench.metric("camring_stage_seconds_count{tool=\"shmpub\",stage=\"decode\"}") == 10);
  CHECK(bench.metric("camring_stage_seconds_count{tool=\"shmpub\",stage=\"scale\"}") == 20);
  CHECK(bench.metric("camring_stage_seconds_count{tool=\"shmpub\",stage=\"encode\"}") == 30);
  for (const char name : {'a', 'b', 'c', 'd', 'e'}) {
    auto reader = read_all({name});
    check_identity(reader.format(), received(reader));
    CHECK(bench.metric("camring_frames_total{tool=\"shmpub\",ring=\"" + std::string(1, name) + "\"}") == 10);
  }
}

TEST_CASE("pipeline: black and white stay what they are on the way from limited video to JPEG and to RGB") {
  Bench bench({"jpeg:mjpeg,q95", "rgb:raw,rgb24,320x240", "gray:raw,gray8", "back:raw,nv12,100x80"});
  HandSource source(raw_source(PixelFormat::i420, {160, 120}));
  bench.pipeline->follow(source.format());
  for (const bool white : {false, true}) {
    std::vector<std::uint8_t> payload(source.format().raw_bytes(), 128);
    std::fill_n(payload.begin(), 160 * 120, static_cast<std::uint8_t>(white ? 235 : 16));
    bench.pipeline->process(source, frame_of(white ? 1 : 0, payload));
  }
  for (const auto& [name, black, white] :
       {std::tuple{"jpeg", 0, 255}, {"rgb", 0, 255}, {"gray", 0, 255}, {"back", 16, 235}}) {
    auto reader = read_all(name);
    const auto frames = received(reader);
    REQUIRE(frames.size() == 2);
    for (std::size_t i = 0; i < 2; ++i) {
      av::Image decoded;
      av::ImageView picture = av::view_of(reader.format(), frames[i].payload);
      if (reader.format().codec == Codec::mjpeg) {
        av::JpegDecoder decoder;
        REQUIRE(decoder.decode(frames[i].payload, {}, decoded) == av::JpegStatus::ok);
        picture = decoded.view();
      }
      INFO(name);
      CHECK(av::test::flat(picture, 0, i == 0 ? black : white, 1));
    }
  }
  CHECK(read_all("back").format().colour.range == 1);
  CHECK(read_all("gray").format().colour.range == 2);
}

TEST_CASE("pipeline: full range is told where MJPEG becomes raw video") {
  Bench bench({"yuv:raw"});
  HandSource source(coded_format(Codec::mjpeg, {160, 120}));
  bench.pipeline->follow(source.format());
  CHECK(read_all("yuv").format().colour.range == 2);
  CHECK(read_all("yuv").format().pixel_format == PixelFormat::i420);
}

TEST_CASE("pipeline: a picture whose source was overwritten meanwhile is published by nobody") {
  Bench bench({"same:raw", "small:raw,160x120", "jpeg:mjpeg,q80", "grey:mjpeg,160x120"});
  HandSource source(raw_source());
  bench.pipeline->follow(source.format());
  feed(bench, source, 1);
  source.held = false;
  feed(bench, source, 1, 1);
  source.held = true;
  feed(bench, source, 1, 2);
  for (const std::string name : {"same", "small", "jpeg", "grey"}) {
    auto reader = read_all(name);
    const auto frames = received(reader);
    INFO(name);
    REQUIRE(frames.size() == 2);
    CHECK(frames[1].info.source_number == kFirstNumber + 2);
    CHECK(bench.metric("camring_frames_dropped_total{tool=\"shmpub\",ring=\"" + name +
                       "\",reason=\"overwritten\"}") == 1);
  }
}

TEST_CASE("pipeline: corrupt JPEG is counted and skipped, damaged JPEG is marked, the stream goes on") {
  Bench bench({"same:mjpeg", "small:mjpeg,320x240@10"});
  HandSource source(coded_format(Codec::mjpeg, {640, 480}, {30, 1}));
  bench.pipeline->follow(source.format());
  auto same = read_all("same"), small = read_all("small");
  const auto process = [&](std::uint64_t n, std::vector<std::uint8_t> bytes) {
    bench.pipeline->process(source, frame_of(n, bytes));
  };
  const auto good = [](std::uint64_t n) { return jpeg_frame({640, 480}, n); };
  process(0, good(0));
  auto cut = good(3);
  cut.resize(cut.size() / 2);
  process(3, cut);      // cut in the middle: for nobody
  process(4, good(4));  // takes its place in the slow output
  std::vector<std::uint8_t> fake{0xff, 0xd8, 0xff, 0xe0, 0, 4, 1, 2, 0xff, 0xd9};
  process(6, fake);  // whole by its markers, but nothing in it
  auto damaged = good(7);
  damaged.erase(damaged.begin() + static_cast<std::ptrdiff_t>(damaged.size() / 2), damaged.end() - 2);
  process(7, damaged);
  process(10, good(10));

  const auto small_frames = received(small);
  std::vector<std::uint64_t> numbers;
  for (const auto& frame : small_frames) numbers.push_back(frame.info.source_number - kFirstNumber);
  CHECK(numbers == std::vector<std::uint64_t>{0, 4, 7, 10});
  CHECK((small_frames[2].info.flags & frame_flag::corrupt) != 0);
  CHECK((small_frames[1].info.flags & frame_flag::corrupt) == 0);
  CHECK((small_frames[3].info.flags & frame_flag::corrupt) == 0);
  CHECK(bench.metric("camring_frames_dropped_total{tool=\"shmpub\",ring=\"source\",reason=\"truncated\"}") ==
        1);
  CHECK(bench.metric("camring_frames_dropped_total{tool=\"shmpub\",ring=\"source\",reason=\"corrupt\"}") ==
        1);
  CHECK(bench.metric("camring_frames_damaged_total{tool=\"shmpub\",ring=\"source\"}") == 1);
  for (const auto& frame : received(same)) CHECK(frame.info.source_number != kFirstNumber + 3);
}

TEST_CASE("pipeline: a damaged JPEG that claims another size moves no output") {
  Bench bench({"same:mjpeg", "small:mjpeg,320x240"});
  HandSource source(coded_format(Codec::mjpeg, {640, 480}, {30, 1}));
  bench.pipeline->follow(source.format());
  auto same = read_all("same"), small = read_all("small");
  for (std::uint64_t n = 0; n < 6; ++n) {
    auto bytes = jpeg_frame({640, 480}, n);
    if (n == 3) {
      const std::uint8_t sof[] = {0xff, 0xc0};
      const auto at = std::search(bytes.begin(), bytes.end(), std::begin(sof), std::end(sof));
      REQUIRE(at != bytes.end());
      *(at + 5) = 0x1f;  // 8000 rows, of which most are missing
      *(at + 6) = 0x40;
    }
    bench.pipeline->process(source, frame_of(n, bytes));
  }
  CHECK(received(small).size() == 5);
  CHECK(small.format().size == Size{320, 240});
  CHECK(small.epoch() == read_all("small").epoch());
  CHECK(bench.metric("camring_frames_dropped_total{tool=\"shmpub\",ring=\"source\",reason=\"corrupt\"}") ==
        1);
}

TEST_CASE("pipeline: video that is passed on stays whole, however fast its source runs") {
  Bench bench({"same:h264@25"});
  HandSource source(coded_format(Codec::h264, {64, 48}, {20, 1}));  // it says 20 a second and runs at 30
  bench.pipeline->follow(source.format());
  auto same = read_all("same");
  for (std::uint64_t n = 0; n < 60; ++n) {
    std::vector<std::uint8_t> unit{0, 0, 0, 1, static_cast<std::uint8_t>(n == 0 ? 0x65 : 0x41), 0x9a, 0x11};
    bench.pipeline->process(source, frame_of(n, unit, n == 0 ? frame_flag::keyframe : 0));
  }
  CHECK(received(same).size() == 60);
}

TEST_CASE("pipeline: colours that only the stream tells are told on") {
  // Full range, BT.709, in the SPS alone; the source says nothing of it.
  av::VideoOrder order;
  order.size = {320, 240};
  order.colour = {2, 1, 1, 1};
  std::vector<const av::EncoderKind*> passed_over;
  const auto encoder = av::open_software_encoder(order, passed_over);
  av::Image picture;
  picture.reshape(encoder->input(), order.size, order.colour);
  av::test::waves(picture.span());
  REQUIRE(encoder->push(picture.view(), 0, true));
  av::EncodedUnit unit;
  REQUIRE(encoder->pull(unit));

  Bench bench({"raw:raw,i420"});
  HandSource source(coded_format(Codec::h264, {320, 240}, {30, 1}));
  bench.pipeline->follow(source.format());
  auto raw = read_all("raw");
  bench.pipeline->process(source, frame_of(0, unit.bytes));
  CHECK(received(raw).size() == 1);
  CHECK(raw.format().colour == Colour{2, 1, 1, 1});
}

TEST_CASE("pipeline: that frames are missing is told with the next one that comes, also when one fails") {
  Bench bench({"jpeg:mjpeg"});
  HandSource source(raw_source());
  bench.pipeline->follow(source.format());
  auto jpeg = read_all("jpeg");
  const auto payload = raw_frame(source.format(), 0);
  bench.pipeline->process(source, frame_of(0, payload));
  source.held = false;
  bench.pipeline->process(source, frame_of(1, payload, frame_flag::keyframe | frame_flag::discontinuity));
  source.held = true;
  bench.pipeline->process(source, frame_of(2, payload));
  const auto frames = received(jpeg);
  REQUIRE(frames.size() == 2);
  CHECK((frames[1].info.flags & frame_flag::discontinuity) != 0);
}

TEST_CASE("pipeline: outputs follow a source whose format changes, and say so") {
  Bench bench({"own:raw", "fixed:mjpeg,320x240", "jpeg:mjpeg"});
  HandSource first(raw_source());
  bench.pipeline->follow(first.format());
  auto own = read_all("own"), fixed = read_all("fixed"), jpeg = read_all("jpeg");
  feed(bench, first, 2);
  CHECK(received(own).size() == 2);
  CHECK(received(fixed).size() == 2);
  CHECK(received(jpeg).size() == 2);

  HandSource second(coded_format(Codec::mjpeg, {800, 600}, {30, 1}));
  bench.pipeline->follow(second.format());
  feed(bench, second, 2, 2);
  for (RingReader* reader : {&own, &fixed, &jpeg}) {
    const auto frames = received(*reader);
    INFO(reader->name());
    REQUIRE(frames.size() == 2);
    CHECK((frames[0].info.flags & frame_flag::discontinuity) != 0);
    CHECK((frames[1].info.flags & frame_flag::discontinuity) == 0);
    check_identity(reader->format(), frames);
  }
  CHECK(own.format().size == Size{800, 600});
  CHECK(own.epoch() == 2);
  CHECK(fixed.format().size == Size{320, 240});
  CHECK(fixed.epoch() == 1);  // nothing changed for its readers
  CHECK(jpeg.format().size == Size{800, 600});
}

TEST_CASE(
    "pipeline: the first frame of all is no discontinuity; one that a slow output left out is handed on") {
  Bench bench({"slow:raw,160x120@10"});
  HandSource source(raw_source());
  bench.pipeline->follow(source.format());
  auto slow = read_all("slow");
  for (std::uint64_t n = 0; n < 7; ++n) {
    const auto payload = raw_frame(source.format(), n);
    const std::uint32_t flags = frame_flag::keyframe | (n == 1 ? frame_flag::discontinuity : 0u) |
                                (n == 6 ? frame_flag::placeholder : 0u);
    bench.pipeline->process(source, frame_of(n, payload, flags));
  }
  const auto frames = received(slow);
  REQUIRE(frames.size() == 3);
  CHECK((frames[0].info.flags & frame_flag::discontinuity) == 0);
  CHECK((frames[1].info.flags & frame_flag::discontinuity) != 0);
  CHECK((frames[2].info.flags & frame_flag::discontinuity) == 0);
  CHECK(frames[2].info.placeholder());
}

TEST_CASE("pipeline: JPEG images that are passed on alone tell their size too") {
  Bench bench({"same:mjpeg"});
  HandSource source(coded_format(Codec::mjpeg, {320, 240}, {30, 1}));
  bench.pipeline->follow(source.format());
  auto same = read_all("same");
  const auto large = jpeg_frame({640, 480}, 2);
  auto damaged = large;
  std::fill(damaged.begin() + 700, damaged.begin() + 900, std::uint8_t{0x55});
  bench.pipeline->process(source, frame_of(0, jpeg_frame({320, 240}, 0)));
  CHECK(received(same).size() == 1);
  bench.pipeline->process(source, frame_of(1, damaged));
  CHECK(received(same).empty());
  CHECK(same.format().size == Size{320, 240});
  bench.pipeline->process(source, frame_of(2, large));
  const auto frames = received(same);
  REQUIRE(frames.size() == 1);
  CHECK(same.format().size == Size{640, 480});
  check_identity(same.format(), frames);
}

TEST_CASE("pipeline: JPEG images tell their size when the ring does not, and when they change it") {
  Bench bench({"same:mjpeg", "small:raw,160x120", "own:raw"});
  const FrameFormat unknown = coded_format(Codec::mjpeg, {});
  HandSource source(unknown);
  bench.pipeline->follow(unknown);
  for (std::uint64_t n = 0; n < 4; ++n) {
    bench.pipeline->process(source, frame_of(n, jpeg_frame(n < 2 ? Size{320, 240} : Size{640, 480}, n)));
  }
  auto same = read_all("same"), small = read_all("small"), own = read_all("own");
  check_identity(small.format(), received(small));
  CHECK(own.format().size == Size{640, 480});
  CHECK(same.format().size == Size{640, 480});
  const auto frames = received(own);
  REQUIRE(frames.size() == 2);
  CHECK((frames[0].info.flags & frame_flag::discontinuity) != 0);
  check_identity(own.format(), frames);
}

TEST_CASE("pipeline: on demand nothing is encoded before somebody reads, and raw outputs go on") {
  Bench bench({"jpeg:mjpeg,q80", "raw:raw,160x120"}, true);
  HandSource source(raw_source());
  bench.pipeline->follow(source.format());
  auto raw = read_all("raw");
  feed(bench, source, 3);
  CHECK(bench.metric("camring_stage_seconds_count{tool=\"shmpub\",stage=\"encode\"}") == 0);
  CHECK(received(raw).size() == 3);

  RingReader reader("jpeg", {.start = ReadStart::live, .connect = true, .label = "test"});
  for (std::uint64_t n = 3; bench.pipeline->outputs()[0]->frames() == 0; ++n) {
    REQUIRE(n < 1000);  // the control channel is another thread's: it may take a few frames
    feed(bench, source, 1, n);
  }
  const auto frames = received(reader);
  REQUIRE_FALSE(frames.empty());
  check_identity(reader.format(), frames);
}

TEST_CASE("pipeline: a source without any frame yet makes no ring") {
  Bench bench({"x:raw"});
  CHECK(bench.directory.files() == 0);
  bench.pipeline->beat();
  bench.pipeline->set_signal(false);
}
