#include "ring/ring_follower.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace camring {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLookNs = 200'000'000;    // between looks at a silent writer
constexpr std::int64_t kHungNs = 5'000'000'000;  // a thread that did not go round for so long hangs

}  // namespace

RingFollower::RingFollower(std::string ring, FollowerOptions options, FrameSink& sink)
    : ring_(std::move(ring)), options_(std::move(options)), sink_(sink) {
  beat_ns_.store(monotonic_ns());
  want();  // an encoder that works on demand shows at once whether it can
  thread_ = std::thread([this] { run(); });
}

RingFollower::~RingFollower() {
  stop();
  thread_.join();
}

void RingFollower::stop() noexcept {
  quit_.store(true);
  rouse();
}

void RingFollower::want() noexcept {
  wanted_until_ns_.store(monotonic_ns() + options_.want_time.count());
  rouse();
}

void RingFollower::set_watchers(std::size_t count) noexcept {
  if (watchers_.exchange(count) == 0 && count > 0) rouse();
}

bool RingFollower::wanted() const noexcept { return watched() || monotonic_ns() < wanted_until_ns_.load(); }

bool RingFollower::alive() const noexcept { return monotonic_ns() - beat_ns_.load() < kHungNs; }

void RingFollower::rouse() noexcept {
  { const std::lock_guard lock(mutex_); }
  roused_.notify_one();
}

void RingFollower::doze() {
  dozed_ = true;
  std::unique_lock lock(mutex_);
  roused_.wait_for(lock, holds_long_ ? options_.video_doze_time : options_.doze_time,
                   [this] { return quit_.load() || wanted(); });
}

void RingFollower::tell_demand(RingReader& reader) {
  const bool wanted = this->wanted();
  if (wanted == demanded_) return;
  demanded_ = wanted;
  demanded_since_ns_ = monotonic_ns();
  reader.set_demand(wanted);
}

Silence RingFollower::silence_of(const RingReader& reader, std::int64_t now) const {
  Silence silence;
  silence.writer = reader.writer_state();
  if (reader.attached()) silence.reason = unfit_;
  const bool there = silence.writer == WriterState::live || silence.writer == WriterState::starting;
  silence.coming = silence.reason.empty() && there;
  if (!silence.reason.empty()) return silence;
  // An encoder that works on demand gives nothing while nobody asks: that is no fault.
  const bool asleep = !demanded_ && last_frame_ns_ != 0;
  const bool late = now - std::max(last_frame_ns_, demanded_since_ns_) > sink_.patience().count();
  if (!there || (!asleep && late)) silence.reason = no_frame_because(silence.writer, ring_);
  return silence;
}

void RingFollower::look(RingReader& reader) {
  const std::int64_t now = monotonic_ns();
  if (now - std::max(looked_ns_, last_frame_ns_) < kLookNs) return;
  looked_ns_ = now;
  const Silence silence = silence_of(reader, now);
  if (silence.coming && !coming_) want();  // back: an encoder that works on demand shows whether it can
  coming_ = silence.coming;
  sink_.silent(&reader, silence);
}

void RingFollower::begin(RingReader& reader, bool anew) {
  unfit_ = sink_.unfit(reader.format());
  holds_long_ = is_video(reader.format().codec);
  sink_.begin(reader, anew);
}

void RingFollower::step(RingReader& reader) {
  tell_demand(reader);
  sink_.round(reader, demanded_);
  if (!demanded_ && std::exchange(drained_, false)) return doze();
  FrameView view;
  // What is passed over because nobody watched is not to be called a loss.
  const bool late = dozed_ || !demanded_;
  const auto patience = late ? 0ms : 50ms;
  const ReadStatus status = sink_.wants_all(late) ? reader.next(view, patience)
                            : late                ? reader.glance(view)
                                                  : reader.newest(view, patience);
  drained_ = status == ReadStatus::timeout;
  if (drained_) dozed_ = false;
  if (status == ReadStatus::moved) begin(reader, true);
  // Overtaken while it slept: this one was made smaller than others.
  if (status == ReadStatus::frame && view.missed != 0 && late) holds_long_ = false;
  if (status == ReadStatus::frame && unfit_.empty() && sink_.take(reader, view)) {
    last_frame_ns_ = monotonic_ns();
    coming_ = true;
  } else {
    look(reader);
  }
}

void RingFollower::run() {
  ReaderOptions options;
  options.start = options_.start;
  options.label = options_.label;
  std::optional<RingReader> reader;
  while (!quit_.load()) {
    beat_ns_.store(monotonic_ns());
    try {
      if (!reader) {
        reader.emplace(ring_, options);
        options.start = ReadStart::newest;
        // What there is, or that there is nothing, is said at once, not after a wait.
        reader->attached() ? begin(*reader, false) : look(*reader);
      }
      step(*reader);
    } catch (const Error& error) {  // the ring can't be opened now: not permitted, damaged
      coming_ = false;
      sink_.silent(nullptr, {WriterState::absent, false, error.what()});
      reader.reset();
      demanded_ = drained_ = false;
      std::this_thread::sleep_for(kLookNs * 1ns);
    }
  }
}

}  // namespace camring
