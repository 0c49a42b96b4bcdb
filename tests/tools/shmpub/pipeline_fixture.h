// A source that a test feeds by hand, and what came out of each ring, read back from its pixels.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "av/jpeg.h"
#include "av/scaler.h"
#include "frame/pattern_code.h"
#include "pipeline.h"
#include "unit/av/pictures.h"
#include "unit/ring/ring_fixture.h"

namespace camring::shmpub::test {

/// Frames made by the test. `held` false: as if the ring's writer had overtaken us.
class HandSource final : public Source {
 public:
  explicit HandSource(FrameFormat format) : format_(std::move(format)) {}
  [[nodiscard]] SourceEvent next(SourceFrame& /*frame*/, std::chrono::nanoseconds /*timeout*/) override {
    return SourceEvent::idle;
  }
  [[nodiscard]] bool still_valid(const SourceFrame& /*frame*/) const noexcept override { return held; }
  [[nodiscard]] const FrameFormat& format() const noexcept override { return format_; }
  [[nodiscard]] std::string trouble() const override { return {}; }
  [[nodiscard]] SourceLosses losses() const noexcept override { return {}; }
  bool held = true;

 private:
  FrameFormat format_;
};

inline constexpr std::uint64_t kFirstNumber = 1000;  // of the source: differs from every output's own numbers

inline SourceFrame frame_of(std::uint64_t n, std::span<const std::uint8_t> payload,
                            std::uint32_t flags = frame_flag::keyframe) {
  SourceFrame frame;
  frame.info.number = n;
  frame.info.flags = flags;
  frame.info.source_number = kFirstNumber + n;
  frame.info.capture_ns = 5'000'000'000 + static_cast<std::int64_t>(n) * 1'000'000'000 / 30;
  frame.info.source_capture_ns = frame.info.capture_ns - 7'000'000;
  frame.timeline_ns = frame.info.capture_ns;
  frame.payload = payload;
  frame.metadata = R"({"n":1})";
  return frame;
}

/// A raw picture that carries its source number.
inline std::vector<std::uint8_t> raw_frame(const FrameFormat& format, std::uint64_t n) {
  std::vector<std::uint8_t> payload(format.raw_bytes());
  const av::ImageSpan picture = av::span_of(format, payload);
  av::test::waves(picture);
  draw_code(payload, format.planes[0].stride_bytes, format.size,
            {static_cast<std::uint32_t>(kFirstNumber + n), 12345});
  return payload;
}

inline std::vector<std::uint8_t> jpeg_frame(Size size, std::uint64_t n,
                                            PixelFormat pixels = PixelFormat::i420) {
  FrameFormat format = raw_format(pixels, size);
  format.colour = av::jpeg_colour();
  const auto payload = raw_frame(format, n);
  av::JpegEncoder encoder(90);
  const auto bytes = encoder.encode(av::view_of(format, payload));
  return {bytes.begin(), bytes.end()};
}

/// The number that the picture itself shows.
inline std::optional<std::uint32_t> number_in(const FrameFormat& format,
                                              std::span<const std::uint8_t> payload) {
  av::Image decoded, gray;
  av::ImageView picture;
  if (format.codec == Codec::mjpeg) {
    av::JpegDecoder decoder;
    if (decoder.decode(payload, {}, decoded) != av::JpegStatus::ok) return std::nullopt;
    picture = decoded.view();
  } else {
    picture = av::view_of(format, payload);
  }
  if (!picture || picture.size != format.size) return std::nullopt;
  gray.reshape(PixelFormat::gray8, picture.size, {});
  av::Scaler scaler;
  if (!scaler.scale(picture, gray.span())) return std::nullopt;
  const auto stride = static_cast<std::size_t>(gray.span().stride_bytes[0]);
  const auto code = read_code({gray.span().data[0], stride * picture.size.height}, stride, picture.size);
  return code ? std::optional(code->number) : std::nullopt;
}

struct Received {
  FrameInfo info;
  std::vector<std::uint8_t> payload;
  std::string metadata;
};

/// All frames that a ring holds from its first on.
inline std::vector<Received> received(RingReader& reader) {
  std::vector<Received> all;
  FrameView view;
  for (;;) {
    const ReadStatus status = reader.next(view, std::chrono::nanoseconds(0));
    if (status == ReadStatus::moved) continue;
    if (status != ReadStatus::frame) return all;
    Received one;
    one.info = view.info;
    REQUIRE(reader.copy(view, one.payload, &one.metadata));
    all.push_back(std::move(one));
  }
}

inline RingReader read_all(const std::string& name) {
  return RingReader(name, {.start = ReadStart::oldest, .connect = false, .label = "test"});
}

/// A pipeline with outputs as ordered, in a ring directory of its own.
struct Bench {
  explicit Bench(const std::vector<std::string>& orders, bool on_demand = false, PipelineOptions options = {},
                 bool draws = false, std::chrono::nanoseconds delay = {}) {
    OutputSettings settings;
    settings.delay = delay;
    settings.source = "source";
    settings.frames = 64;
    settings.on_demand = on_demand;
    settings.draws = draws;
    std::vector<std::unique_ptr<Output>> outputs;
    for (OutputSpec& spec : parse_outputs(orders, "source")) {
      outputs.push_back(std::make_unique<Output>(std::move(spec), settings, metrics));
    }
    pipeline.emplace(std::move(outputs), "source", metrics, std::move(options));
  }
  /// A metric's value as it is shown to Prometheus; -1 where it is not there.
  [[nodiscard]] double metric(const std::string& series) const {
    const std::string text = metrics.render();
    const auto at = text.find("\n" + series + " ");
    return at == std::string::npos ? -1 : std::stod(text.substr(at + series.size() + 2));
  }

  camring::test::RingDirectory directory;
  app::Metrics metrics{"shmpub"};
  std::optional<Pipeline> pipeline;
};

}  // namespace camring::shmpub::test
