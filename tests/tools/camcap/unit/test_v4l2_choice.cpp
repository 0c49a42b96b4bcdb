#include <linux/videodev2.h>

#include <vector>

#include "catch.h"
#include "v4l2_choice.h"

using namespace camring;
using namespace camring::camcap;

namespace {

constexpr std::uint32_t kMjpeg = V4L2_PIX_FMT_MJPEG, kYuyv = V4L2_PIX_FMT_YUYV, kH264 = V4L2_PIX_FMT_H264,
                        kNv12 = V4L2_PIX_FMT_NV12, kBayer = V4L2_PIX_FMT_SRGGB10;

// A usual webcam: YUYV is slow at large sizes, MJPEG is not.
const std::vector<V4l2Mode> kWebcam{
    {kYuyv, {640, 480}, {30, 1}},   {kYuyv, {640, 480}, {15, 1}},    {kYuyv, {1280, 720}, {10, 1}},
    {kMjpeg, {640, 480}, {30, 1}},  {kMjpeg, {1280, 720}, {60, 1}},  {kMjpeg, {1280, 720}, {30, 1}},
    {kMjpeg, {1280, 720}, {15, 1}}, {kMjpeg, {1920, 1080}, {30, 1}}, {kH264, {1920, 1080}, {30, 1}}};

V4l2Mode choose(const std::vector<V4l2Mode>& modes, const V4l2Wish& wish = {}) {
  const auto mode = choose_mode(modes, wish);
  REQUIRE(mode);
  return *mode;
}

}  // namespace

TEST_CASE("v4l2 choice: without a wish it is MJPEG up to 1280x720 at 30") {
  CHECK(choose(kWebcam) == V4l2Mode{kMjpeg, {1280, 720}, {30, 1}});
}

TEST_CASE("v4l2 choice: wishes are kept") {
  CHECK(choose(kWebcam, {Codec::none, {}, Size{1920, 1080}, {}}) == V4l2Mode{kMjpeg, {1920, 1080}, {30, 1}});
  CHECK(choose(kWebcam, {Codec::raw, PixelFormat::yuyv, {}, {}}) == V4l2Mode{kYuyv, {1280, 720}, {10, 1}});
  CHECK(choose(kWebcam, {Codec::h264, {}, {}, {}}) == V4l2Mode{kH264, {1920, 1080}, {30, 1}});
  CHECK(choose(kWebcam, {Codec::none, {}, {}, Rate{60, 1}}) == V4l2Mode{kMjpeg, {1280, 720}, {60, 1}});
  CHECK(choose(kWebcam, {Codec::raw, PixelFormat::yuyv, Size{640, 480}, Rate{15, 1}}) ==
        V4l2Mode{kYuyv, {640, 480}, {15, 1}});
  CHECK_FALSE(choose_mode(kWebcam, {Codec::hevc, {}, {}, {}}));
  CHECK_FALSE(choose_mode(kWebcam, {Codec::raw, PixelFormat::nv12, {}, {}}));
  CHECK_FALSE(choose_mode(std::vector<V4l2Mode>{}, {}));
}

TEST_CASE("v4l2 choice: what is not offered gives the nearest") {
  CHECK(choose(kWebcam, {Codec::none, {}, Size{1280, 700}, {}}).size == Size{1280, 720});
  CHECK(choose(kWebcam, {Codec::none, {}, Size{1280, 720}, Rate{25, 1}}).rate == Rate{30, 1});
  CHECK(choose(kWebcam, {Codec::none, {}, Size{1280, 720}, Rate{120, 1}}).rate == Rate{60, 1});
}

TEST_CASE("v4l2 choice: a format that reaches the rate goes before one that does not") {
  const std::vector<V4l2Mode> modes{{kNv12, {1280, 720}, {5, 1}}, {kH264, {1280, 720}, {30, 1}}};
  CHECK(choose(modes).fourcc == kH264);
  CHECK(choose(modes, {Codec::none, {}, {}, Rate{5, 1}}).fourcc == kNv12);
}

TEST_CASE(
    "v4l2 choice: sensors that are only large, drivers that tell no sizes, formats that no ring carries") {
  CHECK(choose({{kNv12, {4056, 3040}, {10, 1}}, {kNv12, {2028, 1520}, {40, 1}}}).size == Size{2028, 1520});
  CHECK_FALSE(choose_mode(std::vector<V4l2Mode>{{kBayer, {640, 480}, {30, 1}}}, {}));
  const V4l2Mode untold = choose({{kMjpeg, {}, {}}}, {Codec::none, {}, Size{800, 600}, Rate{20, 1}});
  CHECK(untold == V4l2Mode{kMjpeg, {800, 600}, {20, 1}});
}

TEST_CASE("v4l2 choice: raw formats keep the driver's padding in every plane") {
  const FrameFormat format =
      frame_format({kNv12, {636, 480}, {30, 1}, 640, {}}, {Codec::raw, PixelFormat::nv12});
  CHECK(format.planes[0] == Plane{0, 640, 480});
  CHECK(format.planes[1] == Plane{640 * 480, 640, 240});
  const FrameFormat planar =
      frame_format({V4L2_PIX_FMT_YUV420, {636, 480}, {}, 640, {}}, {Codec::raw, PixelFormat::i420});
  CHECK(planar.planes[1] == Plane{640 * 480, 320, 240});
  CHECK(planar.planes[2] == Plane{640 * 480 + 320 * 240, 320, 240});
  const FrameFormat silent = frame_format({kYuyv, {640, 480}, {}, 0, {}}, {Codec::raw, PixelFormat::yuyv});
  CHECK(silent.planes[0] == Plane{0, 1280, 480});
  CHECK(frame_format({kMjpeg, {640, 480}, {30, 1}, 0, {}}, {Codec::mjpeg, {}}) ==
        coded_format(Codec::mjpeg, {640, 480}, {30, 1}));
}
