#include "output.h"

#include <algorithm>
#include <cmath>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace camring::shmpub {
namespace {

// More pictures inside an encoder than any of ours keeps are lost ones.
constexpr std::size_t kMaxCarried = 64;
constexpr std::uint32_t kCarriedFlags = frame_flag::discontinuity | frame_flag::placeholder |
                                        frame_flag::inferred | frame_flag::degraded | frame_flag::corrupt;

double seconds_since(std::int64_t start_ns) { return static_cast<double>(monotonic_ns() - start_ns) * 1e-9; }

// The lower of what was ordered and what the source says; unknown stays unknown unless something was ordered.
Rate lower_rate(const std::optional<Rate>& ordered, Rate source) {
  if (!ordered) return source;
  return source.num != 0 && source.fps() < ordered->fps() ? source : *ordered;
}

// The meaning of a raw output's numbers: the source's own, told explicitly, as far as the pixel format can
// have it.
Colour raw_colour(PixelFormat pixels, const FrameFormat& source) {
  const bool from_yuv = source.compressed() || !av::full_range(source.pixel_format, {});
  Colour colour = source.codec == Codec::mjpeg ? av::jpeg_colour() : source.colour;
  if (!from_yuv) colour.matrix = 2;
  const bool full = from_yuv ? colour.range == 2 : false;
  colour.range = av::full_range(pixels, {}) || full ? 2 : 1;
  return colour;
}

// What is given up first costs least: a third of the frames, half of them, detail, size.
struct Level {
  double rate;
  double bitrate;  // as if all frames came: what a frame may have of it
  int quality;     // added to JPEG's
  double size;
  const char* text;
};
constexpr std::array<Level, 7> kLevels{{
    {1, 1, 0, 1, "as ordered"},
    {2.0 / 3, 1, 0, 1, "two thirds of the rate"},
    {0.5, 1, 0, 1, "half the rate"},
    {0.5, 0.6, -15, 1, "half the rate, less detail"},
    {0.5, 0.4, -30, 1, "half the rate, little detail"},
    {0.5, 0.3, -30, 0.75, "half the rate, three quarters of the size"},
    {0.5, 0.2, -30, 0.5, "half the rate, half the size"},
}};
constexpr std::array<Level, 3> kRateLevels{{
    {1, 1, 0, 1, "as ordered"},
    {0.5, 1, 0, 1, "half the rate"},
    {0.25, 1, 0, 1, "a quarter of the rate"},
}};
constexpr Rate kUsualRate{30, 1};
constexpr std::uint32_t kSmallest = 64;
constexpr int kLowestQuality = 20;
constexpr int kUsualQuality = 80;

Rate scaled(Rate rate, double by) {
  return {static_cast<std::uint32_t>(std::lround(rate.num * by * 60)), rate.den * 60};
}
std::uint32_t scaled_side(std::uint32_t side, double by) {
  const auto even = static_cast<std::uint32_t>(side * by / 2) * 2;
  return std::max(std::min(side, kSmallest), even);
}

}  // namespace

const char* to_string(OutputDrop drop) noexcept {
  static constexpr std::array<const char*, kOutputDrops> kNames{"overwritten", "encoder", "too_large"};
  return kNames[static_cast<std::size_t>(drop)];
}

Output::Output(OutputSpec spec, const OutputSettings& settings, app::Metrics& metrics)
    : ordered_(std::move(spec)),
      spec_(ordered_),
      settings_(settings),
      reducer_(spec_.rate),
      frames_total_(metrics.counter("frames_total", "Frames put into the ring.", {{"ring", spec_.name}})),
      keyframes_total_(
          metrics.counter("keyframes_total", "Keyframes put into the ring.", {{"ring", spec_.name}})),
      bytes_total_(metrics.counter("bytes_total", "Payload put into the ring.", {{"ring", spec_.name}})),
      level_gauge_(metrics.gauge("quality_level", "Steps of dynamic quality below what was ordered.",
                                 {{"ring", spec_.name}})),
      encode_seconds_(
          metrics.histogram("stage_seconds", "Time that a frame spends in a stage.", {{"stage", "encode"}})) {
  for (std::size_t i = 0; i < kOutputDrops; ++i) {
    dropped_total_[i] =
        &metrics.counter("frames_dropped_total", "Frames that were due but did not reach the ring.",
                         {{"ring", spec_.name}, {"reason", to_string(static_cast<OutputDrop>(i))}});
  }
}

// Whether the source's bytes are what was ordered. Frames can only be left out where each stands for itself.
bool Output::untouched(const FrameFormat& source) const noexcept {
  const bool same_size = !spec_.size || *spec_.size == source.size;
  const bool same_pixels =
      !spec_.pixels || (source.codec == Codec::raw && *spec_.pixels == source.pixel_format);
  const bool all_frames = !spec_.rate || !is_video(source.codec) ||
                          (source.rate.num != 0 && source.rate.fps() <= spec_.rate->fps());
  return !settings_.draws && spec_.codec == source.codec && same_size && same_pixels && all_frames &&
         !spec_.quality && !spec_.bitrate;
}

EncoderOrder Output::encoder_order(const FrameFormat& source) const {
  EncoderOrder order;
  order.codec = spec_.codec;
  order.size = spec_.size.value_or(source.size);
  if (is_video(order.codec)) order.size = {order.size.width / 2 * 2, order.size.height / 2 * 2};
  order.rate = lower_rate(ordered_.rate, source.rate);  // a level leaves the parameter sets as they are
  order.source = source.compressed() ? PixelFormat::none : source.pixel_format;
  order.colour = source.codec == Codec::mjpeg ? av::jpeg_colour() : source.colour;
  order.pixels = spec_.pixels;
  order.quality = spec_.quality;
  order.bitrate = spec_.bitrate;
  order.encoder = settings_.encoder;
  order.keyframe_interval = settings_.keyframe_interval;
  order.workers = workers_;
  return order;
}

FrameFormat Output::target(const FrameFormat& source) const {
  const Rate rate = lower_rate(ordered_.rate, source.rate);  // a level is no new format
  if (way_ == Way::bytes) {
    FrameFormat same = source;
    same.rate = rate;
    // Said even where the source does not, so that ways into one format don't differ in what they leave
    // unsaid.
    if (same.codec == Codec::mjpeg && same.colour.range == 0) same.colour = av::jpeg_colour();
    if (repair_) same.extradata = repair_->repair_extradata(source.extradata);
    return same;
  }
  if (way_ == Way::encoded) {
    const EncoderOrder order = encoder_order(source);
    FrameFormat coded = coded_format(spec_.codec, order.size, rate);
    coded.colour = encoder_->colour(order.colour);
    coded.extradata = encoder_->extradata();
    return coded;
  }
  const PixelFormat own = source.compressed() ? PixelFormat::i420 : source.pixel_format;
  FrameFormat raw = raw_format(spec_.pixels.value_or(own), spec_.size.value_or(source.size), rate);
  raw.colour = raw_colour(raw.pixel_format, source);
  return raw;
}

// What was ordered, at this level.
OutputSpec Output::effective(const FrameFormat& source) const {
  OutputSpec spec = ordered_;
  if (level_ == 0) return spec;
  const Level& level = spec.codec == Codec::raw || way_ == Way::bytes
                           ? kRateLevels[static_cast<std::size_t>(std::min(level_, max_level()))]
                           : kLevels[static_cast<std::size_t>(std::min(level_, max_level()))];
  const Rate rate = lower_rate(ordered_.rate, source.rate);
  spec.rate = scaled(rate.num != 0 ? rate : kUsualRate, level.rate);
  if (way_ != Way::encoded) return spec;
  const Size size = ordered_.size.value_or(source.size);
  if (level.size < 1)
    spec.size = Size{scaled_side(size.width, level.size), scaled_side(size.height, level.size)};
  if (is_video(spec.codec)) {
    const auto bits = static_cast<double>(ordered_.bitrate.value_or(usual_bitrate(size, rate)));
    spec.bitrate = static_cast<std::uint64_t>(bits * level.bitrate);
  } else {
    spec.quality = std::max(std::min(ordered_.quality.value_or(kUsualQuality), kLowestQuality),
                            ordered_.quality.value_or(kUsualQuality) + level.quality);
  }
  return spec;
}

int Output::max_level() const noexcept {
  if (way_ == Way::encoded) return static_cast<int>(kLevels.size()) - 1;
  // Frames of video depend on each other: none can be left out of what is passed on.
  if (way_ == Way::bytes && is_video(ordered_.codec)) return 0;
  return static_cast<int>(kRateLevels.size()) - 1;
}

const char* Output::level_text() const noexcept {
  return way_ == Way::encoded ? kLevels[static_cast<std::size_t>(level_)].text
                              : kRateLevels[static_cast<std::size_t>(level_)].text;
}

void Output::take_level(int level) {
  level_ = level;
  level_gauge_.set(level);
  const OutputSpec before = spec_;
  spec_ = effective(source_);
  limit_rate();
  if (spec_.size == before.size && spec_.bitrate == before.bitrate && spec_.quality == before.quality) return;
  finish();
  apply();
}

bool Output::set_level(int level) {
  level = std::clamp(level, 0, max_level());
  if (level == level_) return true;
  const int before = level_;
  try {
    take_level(level);
    level_fault_.clear("ring " + spec_.name + ": its quality can be changed again");
    return true;
  } catch (const Error& error) {  // what it was before is known to work
    level_fault_.report("ring " + spec_.name + ": its quality stays: " + error.what());
    take_level(before);
    return false;
  }
}

std::vector<Consumer> Output::consumers() const {
  return outlet_ ? outlet_->consumers() : std::vector<Consumer>{};
}

void Output::follow(const FrameFormat& source) {
  finish();  // what was before ends in the ring that it belongs to
  source_ = source;
  spec_ = ordered_;
  const bool same_bytes = untouched(source);
  way_ = same_bytes ? Way::bytes : spec_.codec == Codec::raw ? Way::raw : Way::encoded;
  level_ = std::min(level_, max_level());
  level_gauge_.set(level_);
  spec_ = effective(source);
  limit_rate();
  reducer_.restart(source.rate);
  pending_flags_ |= frame_flag::discontinuity;
  apply();
}

// Of video that is passed on no frame may be left out, however fast the source runs: the next ones build on
// it.
void Output::limit_rate() noexcept {
  const bool every_frame = way_ == Way::bytes && is_video(spec_.codec);
  reducer_.want(every_frame ? std::nullopt : spec_.rate);
}

// The encoder and the ring for the source and the level at hand.
void Output::apply() {
  const FrameFormat& source = source_;
  repair_.reset();
  if (way_ == Way::bytes && source.codec == Codec::h264) repair_.emplace();
  encoder_.reset();  // hardware has few sessions: the old one's is free before the new one asks
  lose_carried();
  if (way_ == Way::encoded) encoder_ = make_encoder(encoder_order(source));

  const FrameFormat format = target(source);
  if (!outlet_) {
    RingSpec ring;
    ring.name = spec_.name;
    ring.format = format;
    ring.frames = settings_.frames;
    ring.mode = settings_.access.mode;
    ring.group = settings_.access.group;
    ring.writer = "shmpub " CAMRING_VERSION;
    ring.source = settings_.source;
    outlet_ = std::make_unique<Outlet>(
        ring, settings_.delay,
        OutletCounts{frames_total_, keyframes_total_, bytes_total_,
                     *dropped_total_[static_cast<std::size_t>(OutputDrop::too_large)]});
    pending_flags_ = 0;  // the first frame of all continues nothing
  } else if (outlet_->format() != format) {
    outlet_->reconfigure(format);
  } else {
    return;
  }
  app::log_info("ring " + spec_.name + ": " + describe(format) + " from " + settings_.source +
                (way_ == Way::bytes ? ", its bytes untouched" : ""));
}

void Output::adopt_extradata(std::vector<std::uint8_t> extradata) {
  if (extradata == outlet_->format().extradata) return;
  FrameFormat format = outlet_->format();
  format.extradata = std::move(extradata);
  outlet_->reconfigure(format);
}

bool Output::wanted() const noexcept {
  return !settings_.on_demand || way_ != Way::encoded || !outlet_ || outlet_->consumer_count() > 0;
}

bool Output::due(const SourceFrame& frame) noexcept {
  const bool now_wanted = wanted();
  // Who has just come gets the next frame, wherever the grid of a low rate stands.
  if (now_wanted && !was_wanted_) {
    reducer_.begin_grid();
    force_keyframe_ = true;
  }
  was_wanted_ = now_wanted;
  if (reducer_.due(frame.timeline_ns, frame.info.number) && now_wanted) return true;
  pending_flags_ |= frame.info.flags & frame_flag::discontinuity;
  return false;
}

bool Output::wants_keyframe() noexcept {
  if (video() && outlet_ && outlet_->take_keyframe_request()) force_keyframe_ = true;
  return video() && force_keyframe_;
}

bool Output::wants_source_keyframe() noexcept {
  return way_ == Way::bytes && is_video(spec_.codec) && outlet_ && outlet_->take_keyframe_request();
}

PictureWish Output::wish(const av::ImageView& picture) const noexcept {
  const FrameFormat& format = outlet_->format();
  if (way_ == Way::raw) return {format.pixel_format, format.size, format.colour};
  return {encoder_->input(picture.pixel_format), format.size, encoder_->colour(picture.colour)};
}

CommitInfo Output::commit_info(const SourceFrame& frame, bool keyframe) noexcept {
  CommitInfo info;
  info.flags = (frame.info.flags & kCarriedFlags) | pending_flags_ | (keyframe ? frame_flag::keyframe : 0u) |
               (level_ > 0 ? frame_flag::degraded : 0u);
  info.capture_ns = frame.info.capture_ns;
  info.source_number = frame.info.source_number;
  info.source_capture_ns = frame.info.source_capture_ns;
  info.metadata = frame.metadata;
  return info;
}

void Output::counted() noexcept {
  pending_flags_ = 0;
  reducer_.taken();
}

bool Output::make_room(std::size_t bytes, std::size_t metadata_bytes) {
  if (bytes == 0) {  // no ring is large enough for nothing
    count(OutputDrop::encoder);
    return false;
  }
  room_ = outlet_->claim(bytes, metadata_bytes);
  return !room_.empty();
}

void Output::publish(const Source& source, const SourceFrame& frame) {
  const bool keyframe = frame.info.keyframe() || spec_.codec == Codec::raw;
  std::span<const std::uint8_t> bytes = frame.payload;
  if (repair_) {
    bytes = repair_->repair(bytes, keyframe);
    if (keyframe) adopt_extradata(repair_->repair_extradata(source_.extradata));
  }
  if (!make_room(bytes.size(), frame.metadata.size())) {
    pending_flags_ |= frame.info.flags & frame_flag::discontinuity;
    return;
  }
  std::copy(bytes.begin(), bytes.end(), room_.begin());
  if (!source.still_valid(frame)) return drop(OutputDrop::overwritten, frame);
  outlet_->commit(bytes.size(), commit_info(frame, keyframe), frame.info.publish_ns);
  counted();
}

av::ImageSpan Output::claim(const SourceFrame& frame) {
  if (!make_room(outlet_->format().raw_bytes(), frame.metadata.size())) {
    pending_flags_ |= frame.info.flags & frame_flag::discontinuity;
    return {};
  }
  return av::span_of(outlet_->format(), room_);
}

void Output::commit(const SourceFrame& frame) {
  outlet_->commit(outlet_->format().raw_bytes(), commit_info(frame, true), frame.info.publish_ns);
  counted();
}

// By capture time, so that the interval holds whatever the rate does; the nearest frame, not the first after.
bool Output::keyframe_due(const SourceFrame& frame) noexcept {
  const std::int64_t since = frame.timeline_ns - keyframe_ns_;
  const std::int64_t half_frame = outlet_->format().rate.period().count() / 2;
  if (outlet_->take_loss()) force_keyframe_ = true;
  const bool late = since < 0 || since + half_frame >= settings_.keyframe_interval.count();
  const bool asked = outlet_->take_keyframe_request();
  if (!late && !asked && !force_keyframe_) return false;
  force_keyframe_ = false;
  keyframe_ns_ = frame.timeline_ns;
  return true;
}

bool Output::push(const av::ImageView& picture, const SourceFrame& frame) {
  const std::int64_t start = monotonic_ns();
  const std::int64_t key = next_key_++;
  carried_.push_back({key, commit_info(frame, false), frame.info.publish_ns, std::string(frame.metadata)});
  if (carried_.size() > kMaxCarried) carried_.pop_front();
  pending_flags_ = 0;
  const bool taken = encoder_->push(picture, key, keyframe_due(frame));
  busy_ns_ += monotonic_ns() - start;
  encode_seconds_.observe(seconds_since(start));
  if (!taken) {
    lose(carried_.back());
    carried_.pop_back();
    drop(OutputDrop::encoder, frame);
  }
  if (encoder_->began_anew()) lose_carried();
  return taken;
}

// What it would have told goes on with the next frame.
void Output::lose(const Carried& lost) noexcept {
  pending_flags_ |= lost.info.flags & frame_flag::discontinuity;
}

void Output::lose_carried() noexcept {
  for (const Carried& lost : carried_) lose(lost);
  carried_.clear();
  force_keyframe_ = true;
}

// The picture changed while it was encoded. What came of it must not be shown, nor anything that refers to
// it.
void Output::torn(const SourceFrame& frame) noexcept {
  Encoded encoded;
  while (encoder_->pull(encoded)) continue;
  lose_carried();
  drop(OutputDrop::overwritten, frame);
}

void Output::publish_encoded() {
  Encoded encoded;
  while (encoder_->pull(encoded)) {
    while (!carried_.empty() && carried_.front().key < encoded.key) {
      lose(carried_.front());
      carried_.pop_front();
    }
    if (carried_.empty() || carried_.front().key != encoded.key) continue;
    Carried carried = std::move(carried_.front());
    carried_.pop_front();
    if (encoded.keyframe) adopt_extradata(encoder_->extradata());
    if (!make_room(encoded.bytes.size(), carried.metadata.size())) {
      lose(carried);
      force_keyframe_ = true;
      continue;
    }
    std::copy(encoded.bytes.begin(), encoded.bytes.end(), room_.begin());
    carried.info.metadata = carried.metadata;
    carried.info.flags |= (encoded.keyframe ? frame_flag::keyframe : 0u) | std::exchange(pending_flags_, 0u);
    outlet_->commit(encoded.bytes.size(), carried.info, carried.published_ns);
    reducer_.taken();
  }
}

void Output::finish() {
  if (!encoder_) return;
  encoder_->finish();
  publish_encoded();
}

void Output::drop(OutputDrop reason, const SourceFrame& frame) noexcept {
  pending_flags_ |= frame.info.flags & frame_flag::discontinuity;
  count(reason);
}

void Output::count(OutputDrop reason) noexcept { dropped_total_[static_cast<std::size_t>(reason)]->add(); }

std::optional<std::int64_t> Output::held_until() const {
  return outlet_ ? outlet_->held_until() : std::nullopt;
}

void Output::beat() noexcept {
  if (outlet_) outlet_->beat();
}

void Output::set_signal(bool present) noexcept {
  if (outlet_) outlet_->set_signal(present);
}

std::uint64_t Output::drops(OutputDrop reason) const noexcept {
  return dropped_total_[static_cast<std::size_t>(reason)]->value();
}

std::uint64_t Output::drops() const noexcept {
  std::uint64_t sum = 0;
  for (const app::Counter* counter : dropped_total_) sum += counter->value();
  return sum;
}

}  // namespace camring::shmpub
