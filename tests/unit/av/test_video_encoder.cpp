#include "av/video_encoder.h"

#include <set>

#include "av/bitstream.h"
#include "av/convert.h"
#include "av/h264_order.h"
#include "base/error.h"
#include "catch.h"
#include "pictures.h"

using namespace camring;
using namespace camring::av;

namespace {

std::unique_ptr<VideoEncoder> software(VideoOrder order) {
  std::vector<const EncoderKind*> passed_over;
  return open_encoder(order.codec == Codec::h264 ? "x264" : "x265", order, passed_over);
}

Image picture_for(const VideoEncoder& encoder, Size size) {
  Image picture;
  picture.reshape(encoder.input(), size, {});
  test::waves(picture.span());
  return picture;
}

}  // namespace

TEST_CASE("encoder: every picture comes out at once, keyframes where they are ordered and with their sets") {
  for (const Codec codec : {Codec::h264, Codec::hevc}) {
    for (const PixelFormat pixels : {PixelFormat::i420, PixelFormat::nv12}) {
      VideoOrder order;
      order.codec = codec;
      order.size = {322, 182};
      order.rate = {30, 1};
      order.pixels = pixels;
      const auto encoder = software(order);
      REQUIRE_FALSE(encoder->extradata().empty());
      const Image picture = picture_for(*encoder, order.size);
      StreamInspector inspector(codec);
      for (std::int64_t i = 0; i < 20; ++i) {
        const bool keyframe = i == 0 || i == 7 || i == 13;
        CAPTURE(codec, i);
        REQUIRE(encoder->push(picture.view(), 100 + i, keyframe));
        EncodedUnit unit;
        REQUIRE(encoder->pull(unit));
        CHECK(unit.key == 100 + i);
        CHECK(unit.keyframe == keyframe);
        const AccessUnit seen = inspector.inspect(unit.bytes);
        CHECK(seen.picture);
        CHECK(seen.keyframe == keyframe);
        CHECK(seen.parameter_sets == keyframe);
        CHECK_FALSE(encoder->pull(unit));
      }
      CHECK(inspector.extradata() == encoder->extradata());
      CHECK(inspector.size() == order.size);
      CHECK(encoder->failure().empty());
    }
  }
}

TEST_CASE("encoder: its SPS promises that nothing is reordered") {
  VideoOrder order;
  order.size = {320, 240};
  const auto encoder = software(order);
  std::span<const std::uint8_t> rest = encoder->extradata();
  const auto said = h264_order(next_nal(rest));
  REQUIRE(said);
  CHECK(said->reorder_frames == 0u);
}

TEST_CASE("encoder: a picture of another kind is a failure, not a crash") {
  VideoOrder order;
  order.size = {320, 240};
  const auto encoder = software(order);
  Image other;
  other.reshape(PixelFormat::i420, {160, 120}, {});
  CHECK_FALSE(encoder->push(other.view(), 0, true));
  CHECK_FALSE(encoder->failure().empty());
}

TEST_CASE("encoder: what does not open says what it needs, and auto goes on to what does") {
  VideoOrder order;
  order.size = {320, 240};
  std::vector<const EncoderKind*> passed_over;
  const auto encoder = open_encoder("auto", order, passed_over);
  REQUIRE(encoder);
  for (const EncoderKind* kind : passed_over) CHECK(kind->name != encoder->kind().name);
  // A codec that the named encoder does not know.
  order.codec = Codec::hevc;
  passed_over.clear();
  try {
    (void)open_encoder("x264", order, passed_over);
    FAIL("x264 has encoded HEVC");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::unavailable);
    CHECK(std::string(error.what()).find("it does not encode this codec") != std::string::npos);
  }
}

TEST_CASE("encoder: the trial tries all of them and tells reasons for those that do not work") {
  const auto trials = try_encoders();
  CHECK(trials.size() == encoder_kinds().size());
  bool works = false;
  for (const EncoderTrial& trial : trials) works = works || trial.reason.empty();
  CHECK(works);
}
