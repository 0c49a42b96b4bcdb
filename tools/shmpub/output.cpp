#include "output.h"

#include "base/clock.h"
#include "base/error.h"

namespace camring::shmpub {
namespace {

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

}  // namespace

const char* to_string(OutputDrop drop) noexcept {
  static constexpr std::array<const char*, kOutputDrops> kNames{"overwritten", "encoder", "too_large"};
  return kNames[static_cast<std::size_t>(drop)];
}

Output::Output(OutputSpec spec, const OutputSettings& settings, app::Metrics& metrics)
    : spec_(std::move(spec)),
      settings_(settings),
      reducer_(spec_.rate),
      frames_total_(metrics.counter("frames_total", "Frames put into the ring.", {{"ring", spec_.name}})),
      encode_seconds_(
          metrics.histogram("stage_seconds", "Time that a frame spends in a stage.", {{"stage", "encode"}})) {
  for (std::size_t i = 0; i < kOutputDrops; ++i) {
    dropped_total_[i] =
        &metrics.counter("frames_dropped_total", "Frames that were due but did not reach the ring.",
                         {{"ring", spec_.name}, {"reason", to_string(static_cast<OutputDrop>(i))}});
  }
}

FrameFormat Output::target(const FrameFormat& source) const {
  const Rate rate = lower_rate(spec_.rate, source.rate);
  if (way_ == Way::bytes) {
    FrameFormat same = source;
    same.rate = rate;
    // Said even where the source does not, so that ways into one format don't differ in what they leave
    // unsaid.
    if (same.codec == Codec::mjpeg && same.colour.range == 0) same.colour = av::jpeg_colour();
    return same;
  }
  const Size size = spec_.size.value_or(source.size);
  if (way_ == Way::encoded) {
    FrameFormat coded = coded_format(spec_.codec, size, rate);
    coded.colour = encoder_->colour(source.colour);
    return coded;
  }
  const PixelFormat own = source.compressed() ? PixelFormat::i420 : source.pixel_format;
  FrameFormat raw = raw_format(spec_.pixels.value_or(own), size, rate);
  raw.colour = raw_colour(raw.pixel_format, source);
  return raw;
}

void Output::follow(const FrameFormat& source) {
  const bool same_size = !spec_.size || *spec_.size == source.size;
  const bool same_pixels =
      !spec_.pixels || (source.codec == Codec::raw && *spec_.pixels == source.pixel_format);
  const bool untouched = spec_.codec == source.codec && same_size && same_pixels && !spec_.quality;
  way_ = untouched ? Way::bytes : spec_.codec == Codec::raw ? Way::raw : Way::encoded;
  encoder_ = way_ == Way::encoded ? make_encoder(spec_) : nullptr;
  reducer_.restart(source.rate);
  pending_flags_ |= frame_flag::discontinuity;

  const FrameFormat format = target(source);
  if (!writer_) {
    RingSpec ring;
    ring.name = spec_.name;
    ring.format = format;
    ring.frames = settings_.frames;
    ring.writer = "shmpub " CAMRING_VERSION;
    ring.source = settings_.source;
    writer_ = std::make_unique<RingWriter>(ring);
    pending_flags_ = 0;  // the first frame of all continues nothing
  } else if (writer_->format() != format) {
    writer_->reconfigure(format);
  } else {
    return;
  }
  app::log_info("ring " + spec_.name + ": " + describe(format) + " from " + settings_.source +
                (untouched ? ", its bytes untouched" : ""));
}

bool Output::wanted() const noexcept {
  return !settings_.on_demand || way_ != Way::encoded || !writer_ || writer_->consumer_count() > 0;
}

bool Output::due(const SourceFrame& frame) noexcept {
  if (reducer_.due(frame.timeline_ns, frame.info.number) && wanted()) return true;
  pending_flags_ |= frame.info.flags & frame_flag::discontinuity;
  return false;
}

PictureWish Output::wish(const av::ImageView& picture) const noexcept {
  const FrameFormat& format = writer_->format();
  if (way_ == Way::raw) return {format.pixel_format, format.size, format.colour};
  return {encoder_->input(picture.pixel_format), format.size, encoder_->colour(picture.colour)};
}

CommitInfo Output::commit_info(const SourceFrame& frame, bool keyframe) noexcept {
  CommitInfo info;
  info.flags = (frame.info.flags & kCarriedFlags) | pending_flags_ | (keyframe ? frame_flag::keyframe : 0u);
  info.capture_ns = frame.info.capture_ns;
  info.source_number = frame.info.source_number;
  info.source_capture_ns = frame.info.source_capture_ns;
  info.metadata = frame.metadata;
  return info;
}

void Output::counted() noexcept {
  pending_flags_ = 0;
  reducer_.taken();
  frames_total_.add();
}

bool Output::make_room(std::size_t bytes, const SourceFrame& frame) {
  claim_ = writer_->claim(bytes, frame.metadata.size());
  if (claim_) return true;
  try {
    writer_->grow(bytes);
    claim_ = writer_->claim(bytes, frame.metadata.size());
  } catch (const Error& error) {  // the directory is full; what is there goes on
    too_large_.report(error.what());
  }
  if (!claim_) drop(OutputDrop::too_large, frame);
  return static_cast<bool>(claim_);
}

void Output::publish(const Source& source, const SourceFrame& frame) {
  if (!make_room(frame.payload.size(), frame)) return;
  std::copy(frame.payload.begin(), frame.payload.end(), claim_.data().begin());
  if (!source.still_valid(frame)) return drop(OutputDrop::overwritten, frame);
  writer_->commit(std::move(claim_), frame.payload.size(),
                  commit_info(frame, frame.info.keyframe() || spec_.codec == Codec::raw));
  counted();
}

av::ImageSpan Output::claim(const SourceFrame& frame) {
  if (!make_room(writer_->format().raw_bytes(), frame)) return {};
  return av::span_of(writer_->format(), claim_.data());
}

void Output::commit(const SourceFrame& frame) {
  writer_->commit(std::move(claim_), writer_->format().raw_bytes(), commit_info(frame, true));
  counted();
}

Encoded Output::encode(const av::ImageView& picture) {
  const std::int64_t start = monotonic_ns();
  const Encoded encoded = encoder_->encode(picture, writer_->take_keyframe_request());
  encode_seconds_.observe(seconds_since(start));
  return encoded;
}

void Output::publish_encoded(const Encoded& encoded, const SourceFrame& frame) {
  if (encoded.bytes.empty()) return drop(OutputDrop::encoder, frame);
  if (!make_room(encoded.bytes.size(), frame)) return;
  std::copy(encoded.bytes.begin(), encoded.bytes.end(), claim_.data().begin());
  writer_->commit(std::move(claim_), encoded.bytes.size(), commit_info(frame, encoded.keyframe));
  counted();
}

void Output::drop(OutputDrop reason, const SourceFrame& frame) noexcept {
  pending_flags_ |= frame.info.flags & frame_flag::discontinuity;
  dropped_total_[static_cast<std::size_t>(reason)]->add();
}

void Output::beat() noexcept {
  if (writer_) writer_->beat_loop();
}

void Output::set_signal(bool present) noexcept {
  if (writer_) writer_->set_signal(present);
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
