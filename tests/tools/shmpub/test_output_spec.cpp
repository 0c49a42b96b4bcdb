#include "base/error.h"
#include "catch.h"
#include "output_spec.h"

using namespace camring;
using namespace camring::shmpub;

namespace {

// What is wrong with orders, as the user reads it.
std::string refusal(const std::vector<std::string>& texts, const std::string& source = "cam0") {
  try {
    (void)parse_outputs(texts, source);
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::usage);
    return error.what();
  }
  return "";
}

bool refused(const std::string& text, const std::string& because) {
  const std::string said = refusal({text});
  INFO(text << ": " << said);
  return said.find(because) != std::string::npos;
}

}  // namespace

TEST_CASE("output: every part of an order is understood, in any order") {
  const OutputSpec spec = parse_output("cam0.mjpeg:mjpeg,1280x720@15,q80");
  CHECK(spec.name == "cam0.mjpeg");
  CHECK(spec.codec == Codec::mjpeg);
  CHECK(spec.size == Size{1280, 720});
  CHECK(spec.rate == Rate{15, 1});
  CHECK(spec.quality == 80);
  CHECK_FALSE(spec.pixels);
  CHECK_FALSE(spec.bitrate);

  const OutputSpec turned = parse_output("cam0.mjpeg:mjpeg,q80,1280x720@15");
  CHECK(turned.size == spec.size);
  CHECK(turned.rate == spec.rate);
  CHECK(turned.quality == spec.quality);

  const OutputSpec raw = parse_output("cam0.analysis:raw,i420,1920x1080@29.97");
  CHECK(raw.codec == Codec::raw);
  CHECK(raw.pixels == PixelFormat::i420);
  CHECK(raw.rate == Rate{30000, 1001});
}

TEST_CASE("output: a codec alone, and a rate behind anything or alone") {
  CHECK(parse_output("a:raw").codec == Codec::raw);
  CHECK(parse_output("a:raw@5").rate == Rate{5, 1});
  CHECK(parse_output("a:raw,@5").rate == Rate{5, 1});
  CHECK(parse_output("a:mjpeg,q50@12.5").rate == Rate{25, 2});
}

TEST_CASE("output: bit rates and presets of H.264 and HEVC") {
  const OutputSpec spec = parse_output("cam0.high:h264,1920x1080@30,4M");
  CHECK(spec.codec == Codec::h264);
  CHECK(spec.bitrate == 4'000'000u);
  CHECK(parse_output("a:hevc,500k").bitrate == 500'000u);
  CHECK(parse_output("a:h264,low").bitrate == 500'000u);
  CHECK(parse_output("a:h264,medium").bitrate == 2'000'000u);
  CHECK(parse_output("a:h264,640x480,high").bitrate == 5'000'000u);
  CHECK(refused("a:h264,641x480", "h264 has even sizes only, 641x480 is not; write 640x480"));
}

TEST_CASE("output: what makes no sense is refused with its reason") {
  CHECK(refused("cam0", "it names no codec"));
  CHECK(refused("x:", "'' is no codec; write raw, mjpeg, h264 or hevc"));
  CHECK(refused("x:jpeg2000", "'jpeg2000' is no codec"));
  CHECK(refused("x:raw,", "'' is no size, rate"));
  CHECK(refused("x:raw,banana", "'banana' is no size, rate"));
  CHECK(refused("x:raw,640x", "is no frame size"));
  CHECK(refused("x:raw,0x480", "is no frame size"));
  CHECK(refused("x:raw,640x-480", "is no frame size"));
  CHECK(refused("x:raw,20000x480", "is no frame size"));
  CHECK(refused("x:raw,640x480x3", "is no frame size"));
  CHECK(refused("x:raw,8x480", "too small"));
  CHECK(refused("x:raw@0", "is no frame rate"));
  CHECK(refused("x:raw@-5", "is no frame rate"));
  CHECK(refused("x:raw@5000", "is no frame rate"));
  CHECK(refused("x:raw@", "is no frame rate"));
  CHECK(refused("x:raw@5@6", "is no frame rate"));
  CHECK(refused("x:mjpeg,q0", "not a whole number from 1 to 100"));
  CHECK(refused("x:mjpeg,q101", "not a whole number from 1 to 100"));
  CHECK(refused("x:mjpeg,q8.5", "not a whole number from 1 to 100"));
  CHECK(refused("x:raw,q80", "raw has no quality"));
  CHECK(refused("x:h264,q80", "h264 has no quality; give it a bit rate"));
  CHECK(refused("x:mjpeg,4M", "mjpeg has no bit rate; give it a quality"));
  CHECK(refused("x:raw,4M", "raw has no bit rate"));
  CHECK(refused("x:h264,4000000", "is no bit rate"));
  CHECK(refused("x:mjpeg,rgb24", "mjpeg does not hold rgb24"));
  CHECK(refused("x:raw,640x480,320x240", "two sizes"));
  CHECK(refused("x:raw@5,640x480@6", "two rates"));
  CHECK(refused("x:mjpeg,q5,q6", "two qualities"));
  CHECK(refused("x:raw,nv12,i420", "two pixel formats"));
  CHECK(refused("../x:raw", "not a ring name"));
  CHECK(refused(":raw", "not a ring name"));
}

TEST_CASE("output: orders are looked at together") {
  CHECK(refusal({}).find("--out: missing") != std::string::npos);
  CHECK(refusal({"x:raw", "y:raw", "x:mjpeg"}).find("x:mjpeg: another output has this name") !=
        std::string::npos);
  CHECK(refusal({"cam0:raw"}).find("it is the source itself") != std::string::npos);
  CHECK(parse_outputs({"x:raw", "y:mjpeg"}, "cam0").size() == 2);
  CHECK(parse_outputs({"cam0:raw"}, "-").size() == 1);
}
