#include "track.h"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "av/jpeg.h"
#include "base/clock.h"
#include "base/error.h"
#include "net/sse.h"
#include "ring/control_client.h"
#include "ring/ring_name.h"
#include "wishes.h"

namespace camring::sseserve {
namespace {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

constexpr std::int64_t kLookNs = 200'000'000;   // between looks at a silent writer
constexpr std::int64_t kAskNs = 1'000'000'000;  // between questions for a correction
constexpr int kAskMs = 20;
constexpr std::int64_t kWantNs = 5'000'000'000;     // how long a question keeps an encoder going
constexpr std::int64_t kHungNs = 5'000'000'000;     // a thread that did not go round for so long hangs
constexpr std::int64_t kPastNs = 200'000'000;       // frames of the ring that are older were there before
constexpr std::int64_t kUnwatchedNs = 250'000'000;  // between deliveries while nobody watches
constexpr std::int64_t kFlowNs = 200'000'000;       // frames that come more often wake the thread themselves
constexpr int kMaxUnderWay = 64;  // the event loop stalls: what comes then is left out up to a keyframe
constexpr std::int64_t kAheadNs = 86'400'000'000'000;  // by which a source's clock may be ahead: a day
constexpr std::uint64_t kTimeBack =
    10ull * av::kVideoTimescale;  // so much is no jitter: the source's clock was set
constexpr std::size_t kMaxDetections = 64 * 1024;

// Capture times on the media time line of both channels: the monotonic clock in units of 90 kHz.
std::uint64_t media_time(std::int64_t ns) noexcept {
  return static_cast<std::uint64_t>(static_cast<__int128>(std::max<std::int64_t>(ns, 0)) * 9 / 100'000);
}

double milliseconds(std::int64_t ns) noexcept { return std::round(static_cast<double>(ns) * 1e-3) * 1e-3; }

// Times are what another process wrote: those that no clock shows would leave the numbers that they are
// reckoned in, or take the time line where nothing can follow.
FrameInfo sane(FrameInfo info, std::int64_t now) noexcept {
  if (info.source_capture_ns < 0 || info.source_capture_ns > now + kAheadNs) info.source_capture_ns = now;
  info.publish_ns = std::clamp<std::int64_t>(info.publish_ns, 0, now);
  return info;
}

net::ChunkPtr chunk_of(std::vector<std::uint8_t> bytes, std::int64_t capture_ns = 0, bool counted = false) {
  auto chunk = std::make_shared<net::Chunk>();
  chunk->capture_ns = capture_ns;
  chunk->counted = counted;
  chunk->body = std::make_shared<const std::vector<std::uint8_t>>(std::move(bytes));
  return chunk;
}

// @param ahead  events that go out in front of this one
net::ChunkPtr event_chunk(const std::string& ahead, std::string_view name, const std::string& id,
                          const std::string& json, std::span<const std::uint8_t> binary,
                          std::int64_t capture_ns) {
  net::SseEvent event;
  event.name = name;
  if (!id.empty()) event.id = id;
  event.data = json;
  event.binary = binary;
  std::vector<std::uint8_t> bytes(ahead.begin(), ahead.end());
  const auto size = net::sse_size(event);
  if (!size) return nullptr;
  bytes.resize(ahead.size() + *size);
  if (!net::write_sse(event, std::span(bytes).subspan(ahead.size()))) return nullptr;
  return chunk_of(std::move(bytes), capture_ns, name != "init");
}

std::string dump(const ordered_json& json) {
  return json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

app::Labels labels(const std::string& camera, Channel channel, const std::string& ring) {
  return {{"camera", camera}, {"channel", to_string(channel)}, {"ring", ring}};
}

app::Labels with_reason(app::Labels all, const char* reason) {
  all.emplace_back("reason", reason);
  return all;
}

}  // namespace

Track::Track(std::string camera, Channel channel, QualitySpec spec, TrackOptions options, net::Server& server,
             app::Metrics& metrics)
    : camera_(std::move(camera)),
      channel_(channel),
      spec_(std::move(spec)),
      options_(options),
      server_(server),
      units_total_(metrics.counter("fragments_total", "Fragments and pictures made.",
                                   labels(camera_, channel, spec_.ring))),
      overwritten_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                         with_reason(labels(camera_, channel, spec_.ring), "overwritten"))),
      missed_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                    with_reason(labels(camera_, channel, spec_.ring), "missed"))),
      unfit_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                   with_reason(labels(camera_, channel, spec_.ring), "unfit"))),
      late_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                  with_reason(labels(camera_, channel, spec_.ring), "busy"))),
      viewers_gauge_(metrics.gauge("clients", "Viewers now.", labels(camera_, channel, spec_.ring))),
      source_up_(
          metrics.gauge("source_up", "1 while fresh frames come.", labels(camera_, channel, spec_.ring))) {
  id_begin_ = spec_.ring + "-" + std::string(to_string(channel)) + "-";
  state_.reason = no_frame_because(WriterState::starting, spec_.ring);
  beat_ns_.store(monotonic_ns());
  want();  // an encoder that works on demand shows at once whether it can
  thread_ = std::thread([this] { run_thread(); });
}

Track::~Track() {
  stop();
  thread_.join();
}

TrackState Track::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Track::coming() const {
  const std::lock_guard lock(mutex_);
  return state_.coming;
}

// When the frame was put into the ring names it for as long as the machine runs: whoever comes back after a
// restart of this program goes on where it left off.
std::optional<EventMark> Track::mark_of(std::string_view id) const noexcept {
  const auto mark = read_event_id(id, id_begin_);
  return mark && mark->published_ns <= monotonic_ns() ? mark : std::nullopt;
}

void Track::want() noexcept { wanted_until_ns_.store(monotonic_ns() + kWantNs); }

bool Track::alive() const noexcept { return monotonic_ns() - beat_ns_.load() < kHungNs; }

void Track::add(Viewer* viewer) {
  watched_.fetch_add(1);
  take_in();  // what waited because nobody watched
  viewers_.push_back(viewer);
  viewers_gauge_.set(static_cast<double>(viewers_.size()));
}

void Track::remove(Viewer* viewer) noexcept {
  const auto found = std::find(viewers_.begin(), viewers_.end(), viewer);
  if (found == viewers_.end()) return;
  *found = viewers_.back();
  viewers_.pop_back();
  watched_.fetch_sub(1);
  viewers_gauge_.set(static_cast<double>(viewers_.size()));
}

void Track::wake_viewers() {
  // Looking may end a viewer and so shorten the list: backwards, by index.
  for (std::size_t i = viewers_.size(); i-- > 0;) {
    if (i < viewers_.size()) viewers_[i]->look();
  }
}

// In the event loop.
void Track::take_in() {
  std::vector<UnitPtr> units;
  {
    const std::lock_guard lock(inbox_mutex_);
    units.swap(inbox_);
    told_ = false;
  }
  for (UnitPtr& unit : units) {
    under_way_.fetch_sub(1);
    arrived(std::move(unit));
  }
}

void Track::arrived(UnitPtr unit) {
  // Who comes now would wait for a keyframe that may be far off.
  if (!history_.push(unit)) ask_key_.store(true);
  if (on_unit && !unit->past) on_unit(*unit);
  wake_viewers();
}

// Wraps what was made and posts it. @param info  of the first frame in it
void Track::hand_over(std::string_view event, const FrameInfo& info, std::int64_t wall_offset_ns, bool key,
                      const Span& span, std::vector<std::uint8_t> bytes) {
  const std::string detections = std::exchange(detections_, {});
  // What lies in the ring can wait for the event loop, which may not even go round yet.
  while (past_ && under_way_.load() >= kMaxUnderWay && !quit_.load()) std::this_thread::sleep_for(1ms);
  if (under_way_.load() >= kMaxUnderWay) {
    late_total_.add();
    await_key_ = true;
    return;
  }
  auto unit = std::make_shared<Unit>();
  unit->sequence = sequence_;
  unit->mark = {info.publish_ns, info.number};
  unit->past = past_;
  unit->key = key;
  unit->source_number = info.source_number;
  unit->source_capture_ns = info.source_capture_ns;
  unit->available_ns = past_ ? last_publish_ns_ : monotonic_ns();
  unit->init = init_;
  const std::string json = dump({{"channel", to_string(channel_)},
                                 {"quality", spec_.name},
                                 {"seq", sequence_},
                                 {"number", info.source_number},
                                 {"key", key},
                                 {"time", static_cast<double>(span.decode_time) / av::kVideoTimescale},
                                 {"capture", milliseconds(info.source_capture_ns + wall_offset_ns)},
                                 {"duration", span.duration_ms}});
  unit->event = event_chunk(detections, event, id_begin_ + event_id_end(unit->mark), json, bytes,
                            info.source_capture_ns);
  unit->bytes = chunk_of(std::move(bytes), info.source_capture_ns, true);
  if (unit->event == nullptr) return unfit_total_.add();
  ++sequence_;
  units_total_.add();
  under_way_.fetch_add(1);
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(unit));
    // While nobody watches, the loop sleeps on: history and measurements can wait a little.
    const bool can_wait = watched_.load() == 0 && inbox_.size() < kMaxUnderWay / 2 &&
                          inbox_.back()->available_ns - inbox_.front()->available_ns < kUnwatchedNs;
    if (told_ || can_wait) return;
    told_ = true;
  }
  server_.post([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) take_in();
  });
}

bool Track::renew_writer(std::span<const std::uint8_t> extradata, Size size) {
  try {
    writer_.emplace(format_.codec, size, extradata);
  } catch (const Error& error) {
    set_reason(error.reason(), WriterState::live, true);
    return false;
  }
  auto init = std::make_shared<Init>();
  const std::vector<std::uint8_t> bytes = writer_->init_segment();
  const std::string json = dump({{"channel", to_string(channel_)},
                                 {"quality", spec_.name},
                                 {"mime", writer_->mime_type()},
                                 {"width", size.width},
                                 {"height", size.height}});
  init->codec = format_.codec;
  init->event = event_chunk({}, "init", {}, json, bytes, 0);
  init->bytes = chunk_of(bytes);
  init_ = std::move(init);
  format_.size = size;
  format_.extradata.assign(extradata.begin(), extradata.end());
  const std::lock_guard lock(mutex_);
  state_.mime = writer_->mime_type();
  state_.format = format_;
  return true;
}

void Track::take_video(const FrameInfo& info, std::int64_t wall_offset_ns, const std::string& metadata) {
  const bool key = info.keyframe();
  if (key && inspector_) {
    const av::AccessUnit seen = inspector_->inspect(frame_);
    const auto size = inspector_->size();
    if (seen.picture && size && !inspector_->extradata().empty()) {
      if (!writer_ || *size != format_.size || inspector_->extradata() != format_.extradata) {
        flush(wall_offset_ns);
        if (!renew_writer(inspector_->extradata(), *size)) return;
      }
    }
  }
  if (!writer_) return unfit_total_.add();
  if (await_key_ && !key) return late_total_.add();
  await_key_ = false;
  if (key) flush(wall_offset_ns);
  if (key && media_time(info.source_capture_ns) + kTimeBack < last_decode_time_) last_decode_time_ = 0;
  const std::uint64_t time = std::max(media_time(info.source_capture_ns), last_decode_time_ + 1);
  // Until the next one comes, it is taken to last as long as they do.
  const std::int64_t nominal = format_.rate.num != 0 ? format_.rate.period().count() : 33'333'333;
  const auto duration = static_cast<std::uint32_t>(media_time(period_ns_ > 0 ? period_ns_ : nominal));
  if (!samples_.empty())
    samples_.back().duration =
        static_cast<std::uint32_t>(std::min<std::uint64_t>(time - samples_.back().decode_time, 900'000));
  last_decode_time_ = time;
  if (samples_.empty()) first_info_ = info;
  note_detections(info, wall_offset_ns, metadata);
  samples_.push_back({std::exchange(frame_, {}), time, duration, key});
  const std::uint64_t span = time - samples_.front().decode_time + duration;
  if (span >= media_time(options_.fragment_time.count())) flush(wall_offset_ns);
}

void Track::flush(std::int64_t wall_offset_ns) {
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
  fragment.capture_wall_ns = first_info_.source_capture_ns + wall_offset_ns;
  std::vector<std::uint8_t> bytes;
  const av::Fmp4Fault fault = writer_->write(fragment, bytes);
  const bool key = samples_.front().key;
  samples_.clear();
  if (fault != av::Fmp4Fault::none) {
    detections_.clear();
    unfit_total_.add();
    await_key_ = true;
    if (fault == av::Fmp4Fault::new_parameters) writer_.reset();
    return;
  }
  hand_over("fragment", first_info_, wall_offset_ns, key,
            {fragment.decode_time, static_cast<double>(duration) * 1000 / av::kVideoTimescale},
            std::move(bytes));
}

void Track::take_jpeg(const FrameInfo& info, std::int64_t wall_offset_ns, const std::string& metadata) {
  if (!av::jpeg_is_whole(frame_)) return unfit_total_.add();
  if (!init_) {
    init_ = std::make_shared<const Init>(Init{Codec::mjpeg, nullptr, nullptr});
    const std::lock_guard lock(mutex_);
    state_.mime = "image/jpeg";
  }
  note_detections(info, wall_offset_ns, metadata);
  hand_over("jpeg", info, wall_offset_ns, true,
            {media_time(info.source_capture_ns), milliseconds(period_ns_)}, std::exchange(frame_, {}));
}

// They go out with the unit that is being made.
void Track::note_detections(const FrameInfo& info, std::int64_t wall_offset_ns, const std::string& metadata) {
  if (metadata.empty() || detections_.size() >= kMaxDetections) return;
  ordered_json parsed = ordered_json::parse(metadata, nullptr, false);
  if (parsed.is_discarded()) return;
  detections_ += "event: detections\ndata: " +
                 dump({{"channel", to_string(channel_)},
                       {"number", info.source_number},
                       {"capture", milliseconds(info.source_capture_ns + wall_offset_ns)},
                       {"metadata", std::move(parsed)}}) +
                 "\n\n";
}

void Track::take_frame(RingReader& reader, const FrameView& view) {
  missed_total_.add(view.missed);
  std::string metadata;
  if (!reader.copy(view, frame_, &metadata)) {
    overwritten_total_.add();
    await_key_ = true;
    return;
  }
  const std::int64_t now = monotonic_ns();
  const FrameInfo info = sane(view.info, now);
  if (info.publish_ns <= last_publish_ns_) return;  // had already, before the ring had to be opened anew
  const std::int64_t step = info.source_capture_ns - last_time_ns_;
  if (last_time_ns_ != 0 && step > 0 && step < 2'000'000'000)
    period_ns_ = period_ns_ == 0 ? step : (period_ns_ * 7 + step) / 8;
  last_time_ns_ = info.source_capture_ns;
  last_frame_ns_ = now;
  last_publish_ns_ = info.publish_ns;
  past_ = past_ && now - info.publish_ns > kPastNs;
  // What lay in the ring before anybody watched is handed on, but says nothing of now.
  const bool fresh = now - info.publish_ns < options_.stale_after.count();
  if (reader.format().codec == Codec::mjpeg)
    take_jpeg(info, reader.wall_offset_ns(), metadata);
  else
    take_video(info, reader.wall_offset_ns(), metadata);
  const std::lock_guard lock(mutex_);
  ++state_.units;
  state_.missed = reader.missed();
  state_.capture_ns = info.source_capture_ns;
  state_.fps = period_ns_ > 0 ? 1e9 / static_cast<double>(period_ns_) : 0;
  if (!fresh) return;
  state_.writer = WriterState::live;
  state_.coming = true;
  state_.ready = !info.placeholder() && !state_.mime.empty();
  state_.reason = state_.ready         ? ""
                  : info.placeholder() ? "the source's tool shows a placeholder"
                                       : "no keyframe has come yet";
  source_up_.set(state_.ready ? 1 : 0);
  if (state_.ready) fault_.clear("ring " + spec_.ring + " gives pictures");
}

void Track::set_reason(const std::string& reason, WriterState writer, bool coming) {
  {
    const std::lock_guard lock(mutex_);
    state_.writer = writer;
    state_.coming = coming;
    if (reason.empty()) return;
    state_.ready = false;
    state_.reason = reason;
    state_.fps = 0;
  }
  source_up_.set(0);
  fault_.report("ring " + spec_.ring + ": " + reason);
}

// Why there is nothing to show; empty when all is well.
std::string Track::trouble(const RingReader& reader, WriterState writer, std::int64_t now) const {
  if (reader.attached() && !is_video(reader.format().codec) && reader.format().codec != Codec::mjpeg) {
    return "ring '" + spec_.ring + "' holds " + describe(reader.format()) +
           ", which browsers don't play; serve the ring that this makes: shmpub " + spec_.ring + " --out " +
           spec_.ring + ".h264:h264";
  }
  if (writer != WriterState::live && writer != WriterState::starting)
    return no_frame_because(writer, spec_.ring);
  // An encoder that works on demand gives nothing while nobody asks: that is no fault.
  if (!demanded_ && last_frame_ns_ != 0) return {};
  if (now - std::max(last_frame_ns_, demanded_since_ns_) <= options_.stale_after.count()) return {};
  return no_frame_because(writer, spec_.ring);
}

// Called while nothing comes: says why.
void Track::look(RingReader& reader) {
  const std::int64_t now = monotonic_ns();
  if (now - looked_ns_ < kLookNs) return;
  looked_ns_ = now;
  const WriterState writer = reader.writer_state();
  const bool unfit =
      reader.attached() && !is_video(reader.format().codec) && reader.format().codec != Codec::mjpeg;
  const bool coming = !unfit && (writer == WriterState::live || writer == WriterState::starting);
  {
    const std::lock_guard lock(mutex_);
    if (coming && !state_.coming) want();  // back: an encoder that works on demand shows whether it can
  }
  set_reason(trouble(reader, writer, now), writer, coming);
}

void Track::track_demand(RingReader& reader) {
  const std::int64_t now = monotonic_ns();
  const bool wanted = watched_.load() > 0 || now < wanted_until_ns_.load();
  if (wanted && now - asked_ns_ > kAskNs) {
    asked_ns_ = now;
    const auto answer = ask_writer(RingPaths(spec_.ring).sock, kAskMs);
    const std::lock_guard lock(mutex_);
    state_.correction_ns = answer && answer->correction ? answer->correction->delay_ns : 0;
  }
  if (wanted == demanded_) return;
  demanded_ = wanted;
  demanded_since_ns_ = now;
  reader.set_demand(wanted);
}

void Track::step(RingReader& reader) {
  track_demand(reader);
  if (demanded_ && ask_key_.exchange(false)) reader.request_keyframe();
  FrameView view;
  // Short naps while there is nobody to wait for and nothing comes: a first viewer is noticed soon.
  const bool flows = monotonic_ns() - last_frame_ns_ < kFlowNs;
  const auto patience = demanded_ || flows ? 100ms : 20ms;
  // Of pictures without groups the newest alone would be taken; for who comes back all that the ring holds
  // is.
  const bool all = past_ && reader.attached() && reader.format().codec == Codec::mjpeg;
  const ReadStatus status = all ? reader.next(view, patience) : reader.newest(view, patience);
  // What is there of a fragment goes out when nothing follows for as long as one lasts.
  if (status == ReadStatus::moved || (status == ReadStatus::timeout && !samples_.empty() &&
                                      monotonic_ns() - last_frame_ns_ > options_.fragment_time.count()))
    flush(reader.wall_offset_ns());
  if (status == ReadStatus::moved) {
    writer_.reset();
    init_.reset();
    inspector_.reset();
    format_ = {};
    const std::lock_guard lock(mutex_);
    state_.mime.clear();
  }
  if (status == ReadStatus::frame) {
    const FrameFormat& format = reader.format();
    if (format_.codec != format.codec) {  // of a generation that is new to us
      if (is_video(format.codec)) inspector_.emplace(format.codec, format.extradata);
      format_ = format;
      const std::lock_guard lock(mutex_);
      state_.format = format;
    }
    if (is_video(format.codec) || format.codec == Codec::mjpeg) return take_frame(reader, view);
  }
  look(reader);
}

void Track::run_thread() {
  ReaderOptions options;
  options.label = "sseserve";
  options.start = ReadStart::oldest;  // for clients of an earlier run that come back
  std::optional<RingReader> reader;
  while (!quit_.load()) {
    beat_ns_.store(monotonic_ns());
    try {
      if (!reader) {
        reader.emplace(spec_.ring, options);
        options.start = ReadStart::newest;
        if (!reader->attached()) look(*reader);  // said at once, not after a wait
      }
      step(*reader);
    } catch (const Error& error) {  // the ring can't be opened now: not permitted, damaged
      set_reason(error.what(), WriterState::absent, false);
      reader.reset();
      demanded_ = false;
      std::this_thread::sleep_for(kLookNs * 1ns);
    }
  }
}

}  // namespace camring::sseserve
