#include "fragmenter.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>

#include "answers.h"
#include "av/jpeg.h"
#include "base/clock.h"
#include "base/error.h"
#include "chunks.h"
#include "wishes.h"

namespace camring::sseserve {
namespace {

using nlohmann::ordered_json;

constexpr std::uint64_t kTimeBack =
    10ull * av::kVideoTimescale;  // so much is no jitter: the source's clock was set
constexpr std::uint64_t kMaxDuration = 10ull * av::kVideoTimescale;
constexpr std::int64_t kMaxPeriodNs = 2'000'000'000;  // what comes more rarely has no rate
constexpr std::int64_t kUsualPeriodNs = 33'333'333;
constexpr std::size_t kMaxDetections = 64 * 1024;
constexpr std::size_t kMaxSpare = 8;

void append(std::string& out, std::uint64_t value) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr);
}

// `value` / 10^places, as JSON has it.
void append_decimal(std::string& out, std::int64_t value, std::size_t places) {
  std::uint64_t size = static_cast<std::uint64_t>(value);
  if (value < 0) out += '-', size = 0 - size;
  std::uint64_t whole = 1;
  for (std::size_t i = 0; i < places; ++i) whole *= 10;
  append(out, size / whole);
  std::array<char, 20> digits;
  char* end = std::to_chars(digits.data(), digits.data() + digits.size(), size % whole + whole).ptr;
  digits[0] = '.';  // in place of the one that keeps the zeros
  while (end[-1] == '0') --end;
  if (end[-1] != '.') out.append(digits.data(), end);
}

// To the microsecond.
void append_ms(std::string& out, std::int64_t ns) {
  append_decimal(out, (ns + (ns < 0 ? -500 : 500)) / 1000, 3);
}

// Up to where what tells one unit from another begins.
std::string begin_about(const FragmenterOptions& options) {
  std::string json = text({{"channel", to_string(options.channel)}, {"quality", options.quality}});
  json.back() = ',';
  return json;
}

// Capture times on the media time line of both channels: the monotonic clock in units of 90 kHz.
std::uint64_t media_time(std::int64_t ns) noexcept {
  const auto time = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
  return time / 100'000 * 9 + time % 100'000 * 9 / 100'000;
}

std::int64_t nanoseconds(std::uint64_t media_time) noexcept {
  return static_cast<std::int64_t>(media_time / 9 * 100'000 + media_time % 9 * 100'000 / 9);
}

}  // namespace

Fragmenter::Fragmenter(FragmenterOptions options, app::Counter& unfit, app::Counter& late)
    : options_(std::move(options)),
      unfit_total_(unfit),
      late_total_(late),
      about_begin_(begin_about(options_)) {}

std::vector<std::uint8_t> Fragmenter::spare() {
  if (spare_.empty()) return {};
  auto bytes = std::move(spare_.back());
  spare_.pop_back();
  return bytes;
}

void Fragmenter::begin(const FrameFormat& format) {
  flush();
  writer_.reset();
  init_.reset();
  inspector_.reset();
  mime_.clear();
  trouble_.clear();
  format_ = format;
  if (is_video(format.codec)) inspector_.emplace(format.codec, format.extradata);
}

void Fragmenter::take(RingFrame frame) {
  const std::int64_t step = frame.info.source_capture_ns - last_capture_ns_;
  if (last_capture_ns_ != 0 && step > 0 && step < kMaxPeriodNs)
    period_ns_ = period_ns_ == 0 ? step : (period_ns_ * 7 + step) / 8;
  last_capture_ns_ = frame.info.source_capture_ns;
  format_.codec == Codec::mjpeg ? take_jpeg(std::move(frame)) : take_video(std::move(frame));
}

// What a keyframe says of those that follow it, where that is new. False: no player can be told.
bool Fragmenter::describe_stream(std::span<const std::uint8_t> keyframe) {
  const av::AccessUnit seen = inspector_->inspect(keyframe);
  const auto& sets = inspector_->extradata();
  const auto size = inspector_->size();
  if (!seen.picture || !size || sets.empty()) return true;  // it may be of those before it
  if (writer_ && *size == format_.size && sets == format_.extradata) return true;
  try {
    writer_.emplace(format_.codec, *size, sets);
  } catch (const Error& error) {
    trouble_ = error.reason();
    return false;
  }
  trouble_.clear();
  mime_ = writer_->mime_type();
  format_.size = *size;
  format_.extradata = sets;
  std::vector<std::uint8_t> bytes = writer_->init_segment();
  const std::string json = text({{"channel", to_string(options_.channel)},
                                 {"quality", options_.quality},
                                 {"mime", mime_},
                                 {"width", size->width},
                                 {"height", size->height}});
  net::SseEvent event;
  event.name = "init";
  event.data = json;
  event.binary = bytes;
  net::ChunkPtr told = chunk_of(event);
  init_ = std::make_shared<const Init>(Init{format_.codec, std::move(told), chunk_of(std::move(bytes))});
  return true;
}

void Fragmenter::take_video(RingFrame frame) {
  const FrameInfo& info = frame.info;
  const bool key = info.keyframe();
  if (key) {
    flush();
    if (!describe_stream(frame.bytes)) return unfit_total_.add();
  }
  if (!writer_) return unfit_total_.add();
  if (await_key_ && !key) return late_total_.add();
  await_key_ = false;
  if (key && media_time(info.source_capture_ns) + kTimeBack < last_decode_time_) last_decode_time_ = 0;
  const std::uint64_t time = std::max(media_time(info.source_capture_ns), last_decode_time_ + 1);
  last_decode_time_ = time;
  if (samples_.empty()) {
    first_ = {info, frame.wall_offset_ns};
  } else {
    samples_.back().duration =
        static_cast<std::uint32_t>(std::min(time - samples_.back().decode_time, kMaxDuration));
  }
  note_detections(frame);
  // Until the next one comes, it is taken to last as long as they do.
  const std::int64_t nominal = format_.rate.num != 0 ? format_.rate.period().count() : kUsualPeriodNs;
  const auto duration = static_cast<std::uint32_t>(media_time(period_ns_ > 0 ? period_ns_ : nominal));
  samples_.push_back({std::move(frame.bytes), time, duration, key});
  complete_ns_ = info.publish_ns;
  past_ = frame.past;
  const std::uint64_t span = time - samples_.front().decode_time + duration;
  if (span >= media_time(options_.fragment_time.count())) flush();
}

void Fragmenter::flush() {
  if (samples_.empty() || !writer_) return samples_.clear();
  std::vector<av::Fmp4Sample> samples;
  std::uint64_t duration = 0;
  for (const Sample& one : samples_) {
    samples.push_back({one.bytes, one.duration, one.key});
    duration += one.duration;
  }
  // How long the last one lasts only the next one says. A player takes more than twice what is said for a
  // break and everything up to a keyframe away (Media Source Extensions, coded frame processing), if but one
  // frame was lost.
  samples.back().duration *= 2;
  av::Fmp4Fragment fragment;
  fragment.sequence = ++fragment_;
  fragment.decode_time = samples_.front().decode_time;
  fragment.samples = samples;
  fragment.capture_wall_ns = first_.info.source_capture_ns + first_.wall_offset_ns;
  std::vector<std::uint8_t> bytes;
  const av::Fmp4Fault fault = writer_->write(fragment, bytes);
  const bool key = samples_.front().key;
  for (Sample& one : samples_) {
    if (spare_.size() < kMaxSpare) spare_.push_back(std::move(one.bytes));
  }
  samples_.clear();
  if (fault != av::Fmp4Fault::none) {
    detections_.clear();
    unfit_total_.add();
    await_key_ = true;
    if (fault == av::Fmp4Fault::new_parameters) writer_.reset();
    return;
  }
  emit("fragment", first_, key, {fragment.decode_time, nanoseconds(duration)}, std::move(bytes));
}

void Fragmenter::take_jpeg(RingFrame frame) {
  if (!av::jpeg_is_whole(frame.bytes)) return unfit_total_.add();
  if (!init_) {
    init_ = std::make_shared<const Init>(Init{Codec::mjpeg, nullptr, nullptr});
    mime_ = "image/jpeg";
  }
  note_detections(frame);
  complete_ns_ = frame.info.publish_ns;
  past_ = frame.past;
  emit("jpeg", {frame.info, frame.wall_offset_ns}, true,
       {media_time(frame.info.source_capture_ns), period_ns_}, std::move(frame.bytes));
}

// They go out with the unit that is being made.
void Fragmenter::note_detections(const RingFrame& frame) {
  if (frame.metadata.empty() || detections_.size() >= kMaxDetections) return;
  ordered_json parsed = ordered_json::parse(frame.metadata, nullptr, false);
  if (parsed.is_discarded()) return;
  detections_ += "event: detections\ndata: " +
                 text({{"channel", to_string(options_.channel)},
                       {"number", frame.info.source_number},
                       {"capture", ms(frame.info.source_capture_ns + frame.wall_offset_ns)},
                       {"metadata", std::move(parsed)}}) +
                 "\n\n";
}

// By hand: a document in memory is many small allocations for each frame.
void Fragmenter::describe(const About& first, bool key, const Span& span) {
  about_ = about_begin_;
  about_ += "\"seq\":";
  append(about_, sequence_);
  about_ += ",\"number\":";
  append(about_, first.info.source_number);
  about_ += key ? ",\"key\":true" : ",\"key\":false";
  about_ += ",\"time\":";
  append_decimal(about_, nanoseconds(span.decode_time), 9);
  about_ += ",\"capture\":";
  append_ms(about_, first.info.source_capture_ns + first.wall_offset_ns);
  about_ += ",\"duration\":";
  append_ms(about_, span.duration_ns);
  about_ += '}';
}

void Fragmenter::emit(std::string_view name, const About& first, bool key, const Span& span,
                      std::vector<std::uint8_t> bytes) {
  const std::string detections = std::exchange(detections_, {});
  const FrameInfo& info = first.info;
  auto unit = std::make_shared<Unit>();
  unit->sequence = sequence_;
  unit->mark = {info.publish_ns, info.number};
  unit->past = past_;
  unit->key = key;
  unit->source_number = info.source_number;
  unit->source_capture_ns = info.source_capture_ns;
  unit->complete_ns = complete_ns_;
  unit->available_ns = past_ ? unit->complete_ns : monotonic_ns();
  unit->init = init_;
  describe(first, key, span);
  id_ = options_.id_begin;
  id_ += event_id_end(unit->mark);
  net::SseEvent event;
  event.name = name;
  event.id = id_;
  event.data = about_;
  event.binary = bytes;
  unit->event = chunk_of(event, info.source_capture_ns, detections);
  unit->bytes = chunk_of(std::move(bytes), info.source_capture_ns);
  if (unit->event == nullptr) return unfit_total_.add();
  ++sequence_;
  options_.made(std::move(unit));
}

}  // namespace camring::sseserve
