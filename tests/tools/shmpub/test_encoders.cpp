// Encoders that fail, hang and hold pictures back: what real hardware does, played by a fake.
#include <deque>

#include "base/error.h"
#include "catch.h"
#include "pipeline_fixture.h"
#include "video_encoding.h"

using namespace camring;
using namespace camring::shmpub;

namespace {

// Gives each picture back as its key in one byte, `delay` pictures later; fails when it is told to.
class FakeEncoder final : public Encoder {
 public:
  explicit FakeEncoder(std::string name, std::size_t good, std::size_t delay = 0)
      : name_(std::move(name)), good_(good), delay_(delay) {}
  [[nodiscard]] PixelFormat input(PixelFormat /*picture*/) const noexcept override {
    return PixelFormat::i420;
  }
  [[nodiscard]] Colour colour(const Colour& picture) const noexcept override { return picture; }
  [[nodiscard]] bool push(const av::ImageView& /*picture*/, std::int64_t key, bool keyframe) override {
    if (good_ == 0) return false;
    --good_;
    waiting_.emplace_back(key, keyframe);
    return true;
  }
  [[nodiscard]] bool pull(Encoded& out) override {
    if (waiting_.size() <= delay_) return false;
    byte_ = static_cast<std::uint8_t>(waiting_.front().first);
    out = {{&byte_, 1}, waiting_.front().second, waiting_.front().first};
    waiting_.pop_front();
    return true;
  }
  [[nodiscard]] std::string name() const override { return name_; }

 private:
  std::string name_;
  std::size_t good_, delay_;
  std::deque<std::pair<std::int64_t, bool>> waiting_;
  std::uint8_t byte_ = 0;
};

constexpr std::size_t kForEver = 1'000'000;

}  // namespace

TEST_CASE("lasting encoder: it fails, is opened again, fails again, and software goes on") {
  std::vector<bool> opened;
  LastingEncoder encoder("cam0.high", [&](bool software) {
    opened.push_back(software);
    return std::make_unique<FakeEncoder>(software ? "x264" : "vaapi", software ? kForEver : 3);
  });
  Encoded out;
  std::vector<std::int64_t> came;
  int anew = 0;
  for (std::int64_t key = 0; key < 12; ++key) {
    const bool taken = encoder.push({}, key, false);
    CHECK(taken == (key != 3 && key != 7));
    if (encoder.began_anew()) ++anew;
    while (encoder.pull(out)) came.push_back(out.key);
  }
  CHECK(opened == std::vector<bool>{false, false, true});
  CHECK(anew == 2);
  CHECK(came == std::vector<std::int64_t>{0, 1, 2, 4, 5, 6, 8, 9, 10, 11});
  CHECK(encoder.name() == "x264");
}

TEST_CASE("lasting encoder: when nothing is left it says what failed, with 70") {
  LastingEncoder encoder("cam0.high", [](bool software) -> std::unique_ptr<Encoder> {
    if (software) throw Error(ExitCode::unavailable, "open an encoder", "libx264", "no room");
    return std::make_unique<FakeEncoder>("vaapi", 0);
  });
  CHECK_FALSE(encoder.push({}, 0, true));
  try {
    (void)encoder.push({}, 1, true);
    FAIL("it went on");
  } catch (const Error& error) {
    CHECK(error.code() == ExitCode::internal);
    CHECK(std::string(error.what()).find("the encoder vaapi failed: no room") != std::string::npos);
  }
}

TEST_CASE("lasting encoder: a failure a day is a first failure each time") {
  int opened = 0;
  LastingEncoder encoder("cam0.high", [&](bool software) {
    CHECK_FALSE(software);
    ++opened;
    return std::make_unique<FakeEncoder>("vaapi", 1500);
  });
  Encoded out;
  for (std::int64_t key = 0; key < 6000; ++key) {
    (void)encoder.push({}, key, false);
    while (encoder.pull(out)) continue;
  }
  CHECK(opened >= 4);
}

TEST_CASE("lasting encoder: one that takes pictures and gives none is replaced") {
  int opened = 0;
  LastingEncoder encoder("cam0.high", [&](bool /*software*/) {
    return std::make_unique<FakeEncoder>("v4l2m2m", kForEver, ++opened == 1 ? kForEver : 0);
  });
  Encoded out;
  bool came = false;
  for (std::int64_t key = 0; key < 100 && !came; ++key) {
    (void)encoder.push({}, key, false);
    came = encoder.pull(out);
  }
  CHECK(came);
  CHECK(opened == 2);
}
