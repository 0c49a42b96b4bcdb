#include "base/error.h"
#include "catch.h"
#include "options.h"

using namespace camring;
using namespace camring::camcap;

TEST_CASE("camcap options: sources are told apart") {
  const auto kind = [](const char* text) { return parse_source(text).kind; };
  CHECK(kind("/dev/video0") == SourceKind::v4l2);
  CHECK(kind("v4l2:/dev/v4l/by-id/cam") == SourceKind::v4l2);
  CHECK(kind("file:street.avi") == SourceKind::file);
  CHECK(kind("/proc/self/exe") == SourceKind::file);
  CHECK(kind("rtsp://host/x") == SourceKind::network);
  CHECK(kind("rtsps://host/x") == SourceKind::network);
  CHECK(kind("http://host/x") == SourceKind::network);
  CHECK(kind("https://host/x") == SourceKind::network);
  CHECK(kind("-") == SourceKind::standard_input);
  CHECK(kind("test:") == SourceKind::test);
  CHECK(parse_source("test:bars").address == "bars");
  CHECK(parse_source("file:a:b.avi").address == "a:b.avi");
  CHECK(parse_source("rtsp://u:p@h/x").name == "rtsp://u:***@h/x");
}

TEST_CASE("camcap options: what is no source is refused with the right code") {
  const auto code = [](const char* text) {
    try {
      (void)parse_source(text);
    } catch (const Error& error) {
      return error.code();
    }
    return ExitCode::ok;
  };
  CHECK(code("gopher://host/x") == ExitCode::usage);
  CHECK(code("/nonexistent/file") == ExitCode::no_input);
  CHECK(code("video0") == ExitCode::no_input);
}

TEST_CASE("camcap options: formats go by our names and by V4L2's") {
  Options options;
  CHECK(options.codec() == Codec::none);
  CHECK(options.pixel_format() == PixelFormat::none);
  for (const char* name : {"MJPEG", "mjpg", "jpeg"}) {
    options.format = name;
    CHECK(options.codec() == Codec::mjpeg);
  }
  options.format = "H264";
  CHECK(options.codec() == Codec::h264);
  options.format = "YU12";
  CHECK(options.codec() == Codec::raw);
  CHECK(options.pixel_format() == PixelFormat::i420);
  options.format = "WXYZ";
  CHECK_THROWS_AS(options.codec(), Error);
}
