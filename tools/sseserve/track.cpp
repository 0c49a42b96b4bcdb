#include "track.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "ring/control_client.h"
#include "ring/ring_name.h"
#include "wishes.h"

namespace camring::sseserve {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kAskNs = 1'000'000'000;  // between questions for a correction
constexpr int kAskMs = 20;
constexpr std::int64_t kPastNs = 200'000'000;       // frames of the ring that are older were there before
constexpr std::int64_t kUnwatchedNs = 500'000'000;  // between deliveries while nobody watches
constexpr std::size_t kMaxInbox = 64;  // the event loop stalls: what comes then is left out up to a keyframe
constexpr std::int64_t kMostOffsetNs = 4'000'000'000'000'000'000;  // of a wall clock: 126 years
constexpr std::int64_t kAheadNs = 86'400'000'000'000;  // by which a source's clock may be ahead: a day

// Times are what another process wrote: those that no clock shows would leave the numbers that they are
// reckoned in, or take the time line where nothing can follow.
FrameInfo sane(FrameInfo info, std::int64_t now) noexcept {
  if (info.source_capture_ns < 0 || info.source_capture_ns > now + kAheadNs) info.source_capture_ns = now;
  info.publish_ns = std::clamp<std::int64_t>(info.publish_ns, 0, now);
  return info;
}

TrackState starting(const std::string& ring) {
  TrackState state;
  state.reason = no_frame_because(state.writer, ring);
  return state;
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
      id_begin_(spec_.ring + "-" + std::string(to_string(channel_)) + "-"),
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
          metrics.gauge("source_up", "1 while fresh frames come.", labels(camera_, channel, spec_.ring))),
      state_(starting(spec_.ring)),
      fragmenter_({channel_, spec_.name, id_begin_, options_.fragment_time,
                   [this](std::shared_ptr<Unit> unit) { hand_over(std::move(unit)); }},
                  unfit_total_, late_total_),
      // What the ring holds is for clients of an earlier run that come back.
      follower_(spec_.ring, {.start = ReadStart::oldest, .label = "sseserve"}, *this) {}

TrackState Track::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

bool Track::coming() const {
  const std::lock_guard lock(mutex_);
  return state_.coming;
}

Codec Track::codec() const {
  const std::lock_guard lock(mutex_);
  return state_.format.codec;
}

// When the frame was put into the ring names it for as long as the machine runs: whoever comes back after a
// restart of this program goes on where it left off.
std::optional<EventMark> Track::mark_of(std::string_view id) const noexcept {
  const auto mark = read_event_id(id, id_begin_);
  return mark && mark->published_ns <= monotonic_ns() ? mark : std::nullopt;
}

void Track::add(Viewer* viewer) {
  follower_.set_watchers(viewers_.size() + 1);
  take_in();  // what waited because nobody watched
  viewers_.push_back(viewer);
  follower_.set_watchers(viewers_.size());  // others may have left meanwhile
  viewers_gauge_.set(static_cast<double>(viewers_.size()));
}

void Track::remove(Viewer* viewer) noexcept {
  const auto found = std::find(viewers_.begin(), viewers_.end(), viewer);
  if (found == viewers_.end()) return;
  *found = viewers_.back();
  viewers_.pop_back();
  follower_.set_watchers(viewers_.size());
  viewers_gauge_.set(static_cast<double>(viewers_.size()));
}

void Track::wake_viewers() {
  // Looking may end a viewer and so shorten the list: backwards, by index.
  for (std::size_t i = viewers_.size(); i-- > 0;) {
    if (i < viewers_.size()) viewers_[i]->look();
  }
}

// In the loop's turn.
void Track::take_in() {
  std::vector<UnitPtr> units;
  {
    const std::lock_guard lock(inbox_mutex_);
    units.swap(inbox_);
    told_ = false;
  }
  for (UnitPtr& unit : units) arrived(std::move(unit));
}

void Track::arrived(UnitPtr unit) {
  // Who comes now would wait for a keyframe that may be far off.
  if (!history_.push(unit)) ask_key_.store(true);
  if (on_unit && !unit->past) on_unit(*unit);
  wake_viewers();
}

bool Track::queue_is_full() {
  const std::lock_guard lock(inbox_mutex_);
  return inbox_.size() >= kMaxInbox;
}

void Track::hand_over(UnitPtr unit) {
  units_total_.add();
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.push_back(std::move(unit));
    // While nobody watches, the loop sleeps on: history and measurements can wait a little.
    const bool can_wait = !follower_.watched() && inbox_.size() < kMaxInbox / 2 &&
                          inbox_.back()->available_ns - inbox_.front()->available_ns < kUnwatchedNs;
    if (told_ || can_wait) return;
    told_ = true;
  }
  server_.enter([this, alive = std::weak_ptr(alive_)] {
    if (!alive.expired()) take_in();
  });
}

bool Track::take(RingReader& reader, const FrameView& view) {
  missed_total_.add(view.missed);
  RingFrame frame;
  frame.bytes = fragmenter_.spare();
  if (!reader.copy(view, frame.bytes, &frame.metadata)) {
    overwritten_total_.add();
    fragmenter_.await_keyframe();
    return true;
  }
  const std::int64_t now = monotonic_ns();
  const FrameInfo info = sane(view.info, now);
  if (info.publish_ns <= last_publish_ns_)
    return false;  // had already, before the ring had to be opened anew
  last_frame_ns_ = now;
  last_publish_ns_ = info.publish_ns;
  past_ = past_ && now - info.publish_ns > kPastNs;
  // What lies in the ring can wait for the event loop, which may not even go round yet.
  bool full = queue_is_full();
  for (; full && past_ && follower_.running(); full = queue_is_full()) std::this_thread::sleep_for(1ms);
  if (full) {
    late_total_.add();
    fragmenter_.await_keyframe();
    return true;
  }
  frame.info = info;
  frame.wall_offset_ns = std::clamp(reader.wall_offset_ns(), -kMostOffsetNs, kMostOffsetNs);
  frame.past = past_;
  fragmenter_.take(std::move(frame));
  // What lay in the ring before anybody watched is handed on, but says nothing of now.
  const bool fresh = now - info.publish_ns < options_.stale_after.count();
  const std::string& trouble = fragmenter_.trouble();
  const bool ready = !info.placeholder() && trouble.empty() && !fragmenter_.mime().empty();
  {
    const std::lock_guard lock(mutex_);
    note_stream();
    ++state_.units;
    state_.missed = reader.missed();
    state_.capture_ns = info.source_capture_ns;
    const std::int64_t period = fragmenter_.period_ns();
    state_.fps = period > 0 ? 1e9 / static_cast<double>(period) : 0;
    if (!fresh) return true;
    state_.writer = WriterState::live;
    state_.coming = true;
    state_.ready = ready;
    state_.reason = ready                ? ""
                    : info.placeholder() ? "the source's tool shows a placeholder"
                    : !trouble.empty()   ? trouble
                                         : "no keyframe has come yet";
  }
  source_up_.set(ready ? 1 : 0);
  if (ready && fault_.reported()) fault_.clear("ring " + spec_.ring + " gives pictures");
  if (!trouble.empty()) fault_.report("ring " + spec_.ring + ": " + trouble);
  return true;
}

// What the fragmenter knows of the stream by now. With mutex_ held.
void Track::note_stream() {
  if (state_.mime != fragmenter_.mime()) state_.mime = fragmenter_.mime();
  if (state_.format != fragmenter_.format()) state_.format = fragmenter_.format();
}

std::string Track::unfit(const FrameFormat& format) const {
  if (format.compressed()) return {};
  return "ring '" + spec_.ring + "' holds " + describe(format) +
         ", which browsers don't play; serve the ring that this makes: shmpub " + spec_.ring + " --out " +
         spec_.ring + ".h264:h264";
}

// Where the ring was only opened once more, what is known of its stream still holds.
void Track::begin(RingReader& reader, bool anew) {
  if (!anew && fragmenter_.format().codec == reader.format().codec) return;
  fragmenter_.begin(reader.format());
  const std::lock_guard lock(mutex_);
  note_stream();
}

void Track::silent(RingReader* reader, const Silence& silence) {
  // Nothing has followed for as long as a fragment lasts.
  if (monotonic_ns() - last_frame_ns_ > options_.fragment_time.count()) fragmenter_.flush();
  {
    const std::lock_guard lock(mutex_);
    state_.writer = silence.writer;
    state_.coming = silence.coming;
    if (silence.reason.empty()) return;
    state_.ready = false;
    state_.reason = silence.reason;
    state_.fps = 0;
  }
  source_up_.set(0);
  fault_.report(reader != nullptr ? "ring " + spec_.ring + ": " + silence.reason : silence.reason);
}

void Track::round(RingReader& reader, bool demanded) {
  const std::int64_t now = monotonic_ns();
  if (!demanded) return;
  if (ask_key_.exchange(false)) reader.request_keyframe();
  if (now - asked_ns_ <= kAskNs) return;
  asked_ns_ = now;
  const auto answer = ask_writer(RingPaths(spec_.ring).sock, kAskMs);
  const std::lock_guard lock(mutex_);
  state_.correction_ns = answer && answer->correction ? answer->correction->delay_ns : 0;
}

}  // namespace camring::sseserve
