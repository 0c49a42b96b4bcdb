#include "sse/content.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <memory>
#include <random>
#include <stdexcept>

#include "av/ffmpeg_ptr.h"
#include "av/fmp4.h"
#include "av/video_encoder.h"
#include "net/sse.h"

namespace bench {
namespace {

using namespace camring;
using Bytes = std::vector<std::uint8_t>;

constexpr double kMostMbit = 400;  // of all clients
constexpr std::size_t kKeyframe = 4;
constexpr std::size_t kCaptureDigits = 17, kSequenceDigits = 9;

constexpr Size kSize{1280, 720};

// A message that decoders pass over (H.264, D.2.7): what makes an access unit as large as wished. No byte of
// it is zero, so none needs to be escaped.
Bytes make_padding(std::size_t size, std::mt19937& random) {
  Bytes nal{0, 0, 0, 1, 6, 5};
  for (std::size_t left = size;
       nal.push_back(static_cast<std::uint8_t>(std::min<std::size_t>(left, 255))), left >= 255;)
    left -= 255;
  while (nal.size() < size) nal.push_back(static_cast<std::uint8_t>(random() | 1));
  nal.push_back(0x80);
  return nal;
}

// Access units of a grey picture, with padding ahead of their slices.
class Source {
 public:
  explicit Source(const StreamRate& rate) {
    av_log_set_level(AV_LOG_ERROR);
    av::VideoOrder order;
    order.size = kSize;
    order.rate = {static_cast<std::uint32_t>(rate.fps), 1};
    std::vector<const av::EncoderKind*> passed_over;
    encoder_ = av::open_encoder("x264", order, passed_over);
    view_.pixel_format = PixelFormat::i420;
    view_.size = kSize;
    view_.data = {grey_.data(), grey_.data(), grey_.data()};
    view_.stride_bytes = {kSize.width, kSize.width / 2, kSize.width / 2};
  }
  [[nodiscard]] const Bytes& parameter_sets() const { return encoder_->extradata(); }
  [[nodiscard]] Bytes next(bool keyframe, std::size_t size) {
    av::EncodedUnit encoded;
    if (!encoder_->push(view_, next_++, keyframe) || !encoder_->pull(encoded))
      throw std::runtime_error("x264 gives no picture");
    Bytes unit(encoded.bytes.begin(), encoded.bytes.end());
    const Bytes padding = make_padding(size - std::min(size, unit.size()), random_);
    const bool with_sets = std::equal(parameter_sets().begin(), parameter_sets().end(), unit.begin());
    const auto at = with_sets ? static_cast<std::ptrdiff_t>(parameter_sets().size()) : 0;
    unit.insert(unit.begin() + at, padding.begin(), padding.end());
    return unit;
  }

 private:
  std::unique_ptr<av::VideoEncoder> encoder_;
  Bytes grey_ = Bytes(std::size_t{kSize.width} * kSize.height, 128);
  av::ImageView view_;
  std::int64_t next_ = 0;
  std::mt19937 random_{1};
};

Event make_event(const Unit& unit) {
  const std::string sequence(kSequenceDigits, '1'), capture = std::string(kCaptureDigits - 4, '1') + ".111";
  const std::string json = R"({"channel":"raw","quality":"default","seq":)" + sequence +
                           R"(,"number":1000,"key":)" + (unit.keyframe ? "true" : "false") +
                           R"(,"time":1234.5678,"capture":)" + capture + R"(,"duration":33.333})";
  net::SseEvent event;
  event.name = "fragment";
  event.id = "bench-1763700000000-100";
  event.data = json;
  event.binary = unit.fragment;
  Event made;
  if (!net::write_sse(event, made.bytes)) throw std::runtime_error("an event can't be written");
  const std::string_view text(reinterpret_cast<const char*>(made.bytes.data()), made.bytes.size());
  made.sequence_at = text.find("\"seq\":") + 6;
  made.capture_at = text.find("\"capture\":") + 10;
  return made;
}

}  // namespace

StreamRate rate_for(int clients) {
  StreamRate rate;
  const double full = rate.mbit;
  rate.mbit = std::min(full, kMostMbit / clients);
  rate.fps = std::max(1, static_cast<int>(std::lround(30 * rate.mbit / full)));
  return rate;
}

Content make_content(const StreamRate& rate) {
  Content content;
  content.rate = rate;
  Source source(rate);
  content.parameter_sets = source.parameter_sets();
  const auto count = static_cast<std::size_t>(rate.fps);
  const auto bytes = static_cast<std::size_t>(rate.mbit * 1e6 / 8);
  const std::size_t other = bytes / (kKeyframe + count - 1);
  av::Fmp4Writer writer(Codec::h264, kSize, content.parameter_sets);
  content.init = writer.init_segment();
  for (std::size_t i = 0; i < count; ++i) {
    Unit unit;
    unit.keyframe = i == 0;
    unit.annex_b = source.next(unit.keyframe, unit.keyframe ? kKeyframe * other : other);
    const av::Fmp4Sample sample{unit.annex_b, av::kVideoTimescale / static_cast<std::uint32_t>(rate.fps),
                                unit.keyframe, 0};
    av::Fmp4Fragment fragment;
    fragment.sequence = static_cast<std::uint32_t>(i + 1);
    fragment.decode_time = i * std::uint64_t{sample.duration};
    fragment.samples = {&sample, 1};
    fragment.capture_wall_ns = 1;
    if (writer.write(fragment, unit.fragment) != av::Fmp4Fault::none)
      throw std::runtime_error("a fragment can't be written");
    content.units.push_back(std::move(unit));
  }
  return content;
}

std::vector<Event> make_events(const Content& content) {
  std::vector<Event> events;
  for (const Unit& unit : content.units) events.push_back(make_event(unit));
  return events;
}

std::vector<std::uint8_t> make_init_event(const Content& content) {
  net::SseEvent event;
  event.name = "init";
  event.data = R"({"channel":"raw","quality":"default","mime":"video/mp4; codecs=\"avc1.42c00a\""})";
  event.binary = content.init;
  Bytes bytes;
  if (!net::write_sse(event, bytes)) throw std::runtime_error("an event can't be written");
  return bytes;
}

void stamp(Event& event, std::uint64_t sequence, std::int64_t capture_ns) noexcept {
  char text[32];
  const auto put = [&](std::size_t at, std::size_t digits) {
    std::memcpy(event.bytes.data() + at, text, digits);
  };
  // Nine digits that begin with 1: a number in JSON must not begin with 0.
  std::snprintf(text, sizeof text, "%09llu", static_cast<unsigned long long>(100'000'000 + sequence));
  put(event.sequence_at, kSequenceDigits);
  std::snprintf(text, sizeof text, "%013lld.%03lld", static_cast<long long>(capture_ns / 1'000'000),
                static_cast<long long>(capture_ns / 1000 % 1000));
  put(event.capture_at, kCaptureDigits);
}

}  // namespace bench
