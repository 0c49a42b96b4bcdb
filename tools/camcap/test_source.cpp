#include "test_source.h"

#include "base/clock.h"
#include "base/error.h"
#include "frame/test_pattern.h"

namespace camring::camcap {
namespace {

// Deadlines of a steady rate. Each counts from the start, so that no rounding and no late wake-up adds up;
// who was stopped for long goes on with the present instead of making up for the past.
class Beat {
 public:
  explicit Beat(Rate rate) : rate_(rate) {}

  // How long to wait for the next frame; not positive when it is due.
  std::chrono::nanoseconds next() noexcept {
    const std::int64_t now = monotonic_ns();
    skipped_ = now - due(count_) > kMostBehind;
    if (skipped_) {
      start_ = now;
      count_ = 0;
    }
    return std::chrono::nanoseconds(due(count_++) - now);
  }
  [[nodiscard]] bool skipped() const noexcept { return skipped_; }

 private:
  static constexpr std::int64_t kMostBehind = 500'000'000;
  [[nodiscard]] std::int64_t due(std::uint64_t count) const noexcept {
    const std::uint64_t whole = count / rate_.num, rest = count % rate_.num;  // num frames last den seconds
    return start_ + static_cast<std::int64_t>(whole * rate_.den * 1'000'000'000u +
                                              rest * rate_.den * 1'000'000'000u / rate_.num);
  }

  Rate rate_;
  std::int64_t start_ = monotonic_ns();
  std::uint64_t count_ = 0;
  bool skipped_ = false;
};

}  // namespace

TestSource::TestSource(const std::string& pattern, const Options& options) : fast_(options.fast) {
  if (!pattern.empty() && pattern != "moving" && pattern != "bars") {
    throw Error(ExitCode::usage, "open source", "test:" + pattern, "no such pattern",
                "write test:, test:moving or test:bars");
  }
  bars_ = pattern == "bars";
  if (!options.format.empty() && options.pixel_format() == PixelFormat::none) {
    throw Error(ExitCode::usage, "use format", "'" + options.format + "'", "the test pattern is raw video",
                "write --format YU12, NV12, YUYV …, and let shmpub encode it");
  }
  // I420 by default: what JPEG and H.264 encoders take without a conversion.
  const PixelFormat pixels = options.format.empty() ? PixelFormat::i420 : options.pixel_format();
  format_ = raw_format(pixels, options.size.value_or(Size{1280, 720}), options.fps.value_or(Rate{30, 1}));
  format_.colour = TestPattern::colour(pixels);
}

void TestSource::run(Output& output, const app::Stop& stop) {
  const TestPattern pattern(format_, bars_ ? PatternStyle::bars : PatternStyle::moving);
  output.configure(format_);
  output.source_up(true);
  Beat beat(format_.rate);
  while (!output.done()) {
    if (fast_ ? stop.requested() : stop.wait_for(beat.next())) return;
    if (beat.skipped()) output.discontinuity();
    Claim claim = output.claim();
    const std::int64_t now = monotonic_ns();
    pattern.draw(claim.data(),
                 {static_cast<std::uint32_t>(output.next_number()), static_cast<std::uint64_t>(now)});
    output.commit(std::move(claim), {now, frame_flag::keyframe});
  }
}

}  // namespace camring::camcap
