#include "ring/ring_reader.h"

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "ring/control_client.h"
#include "ring/fence.h"
#include "ring/futex.h"
#include "ring/ring_name.h"
#include "ring/ring_view.h"
#include "ring/waker.h"
#include "ring/writer_lock.h"

namespace camring {
namespace {

constexpr std::int64_t kLookNs = 100'000'000;      // at most so long asleep without a look at the writer
constexpr std::int64_t kBusyLookNs = 500'000'000;  // the same while frames come
constexpr std::int64_t kSearchNs = 20'000'000;     // between looks for a ring that is not there
constexpr std::int64_t kReportNs = 1'000'000'000;  // between reports on the control channel
constexpr std::int64_t kStalledNs = 1'000'000'000;
constexpr int kTries = 16;  // catching up with a writer that laps us meanwhile

void nap(std::int64_t ns) noexcept {
  const timespec time{ns / 1'000'000'000, ns % 1'000'000'000};
  ::nanosleep(&time, nullptr);
}

layout::WriterWord word_of(const RingView& view) noexcept {
  return static_cast<layout::WriterWord>(view.live().state.load(std::memory_order_acquire));
}

}  // namespace

struct RingReader::State {
  State(std::string_view ring_name, ReaderOptions wanted)
      : name(ring_name), paths(ring_name), options(std::move(wanted)) {}

  enum class Took { frame, nothing, corrupt };
  Took take(FrameView& view, bool skip_to_newest) noexcept;
  ReadStatus wait_and_take(FrameView& view, std::chrono::nanoseconds timeout, bool skip_to_newest);
  bool attach();  // true when a generation other than before is mapped now
  bool look_for_next(std::int64_t now);
  void start_at(ReadStart start) noexcept;
  void maintain_control(std::int64_t now) noexcept;

  std::string name;
  RingPaths paths;
  ReaderOptions options;
  std::optional<RingView> view;
  FrameFormat no_format;
  std::uint64_t next = 0;      // number of the next frame to hand out
  std::uint64_t expected = 0;  // one after the last frame handed out: what `missed` counts from
  bool fresh = true;           // no frame handed out yet: nothing can have been missed
  bool waited = false;         // for the ring to come, since nothing was attached
  bool await_keyframe = false;
  std::uint64_t seen = 0, missed = 0;
  std::int64_t looked_ns = 0, reported_ns = 0, took_ns = 0;
  std::optional<ControlClient> control;
};

void RingReader::State::start_at(ReadStart start) noexcept {
  const std::uint64_t head = view->head();
  const std::uint64_t keyframe = view->live().last_keyframe.load(std::memory_order_acquire);
  const bool video = is_video(view->format().codec);
  await_keyframe = video;
  next = head;
  // A ring that was not there when the reader was made: all its frames are later than that.
  if (start == ReadStart::live && waited) start = ReadStart::oldest;
  waited = false;
  if (start == ReadStart::oldest) next = view->oldest();
  if (start == ReadStart::newest) {
    if (!video) next = std::max(view->first_number(), head - std::min<std::uint64_t>(head, 1));
    if (video && keyframe != layout::kNoKeyframe && keyframe < head) next = keyframe;
  }
  expected = next;
}

bool RingReader::State::attach() {
  auto found = RingView::open(paths.ring);
  if (!found) {
    waited = waited || !view;
    return false;
  }
  const bool first = fresh && !view;
  const bool ended = view && word_of(*view) == layout::WriterWord::ended;  // its numbers end with it
  const std::uint64_t begins = found->first_number();
  view = std::move(found);
  await_keyframe = is_video(view->format().codec);
  if (first) {
    start_at(options.start);
  } else if (!ended && begins >= next && view->head() >= begins) {
    next = begins;  // numbers go on: what lies between is missed, and counted with the next frame
  } else {
    next = expected = begins;  // numbers began again: nothing can be said of the frames between
  }
  reported_ns = 0;
  return true;
}

RingReader::State::Took RingReader::State::take(FrameView& out, bool skip_to_newest) noexcept {
  const bool video = is_video(view->format().codec);
  for (int attempt = 0; attempt < kTries; ++attempt) {
    const std::uint64_t head = view->head();
    if (head == next) return Took::nothing;
    if (head < next) return Took::corrupt;
    if (skip_to_newest && !video) next = head - 1;
    const RingView::Read result = view->read(next, out);
    if (result == RingView::Read::corrupt || result == RingView::Read::absent) return Took::corrupt;
    if (result == RingView::Read::overwritten) {
      const std::uint64_t keyframe = view->live().last_keyframe.load(std::memory_order_acquire);
      const bool key_ahead = video && keyframe != layout::kNoKeyframe && keyframe > next && keyframe < head;
      const std::uint64_t target = key_ahead ? keyframe : head - 1;
      await_keyframe = video;
      // Overtaken again while looking at the newest itself: only the frame after it can be had.
      next = target > next ? target : next + 1;
      continue;
    }
    if (await_keyframe && !out.info.keyframe()) {
      ++next;
      --attempt;  // bounded by head
      continue;
    }
    await_keyframe = false;
    out.missed = fresh || next < expected ? 0 : next - expected;
    fresh = false;
    ++next;
    expected = next;
    ++seen;
    missed += out.missed;
    return Took::frame;
  }
  return Took::nothing;
}

bool RingReader::State::look_for_next(std::int64_t now) {
  looked_ns = now;
  if (view && !view->replaced(paths.ring)) return false;
  // Nothing is published any more in a generation that has been replaced: what came since the last look is
  // taken before moving on.
  if (view && view->head() > next) return false;
  return attach();
}

void RingReader::State::maintain_control(std::int64_t now) noexcept {
  if (!control || now - reported_ns < kReportNs) return;
  reported_ns = now;
  control->maintain(seen, missed);
}

ReadStatus RingReader::State::wait_and_take(FrameView& out, std::chrono::nanoseconds timeout,
                                            bool skip_to_newest) {
  std::int64_t now = monotonic_ns();
  const std::int64_t deadline = now + std::min<std::int64_t>(timeout.count(), INT64_MAX / 4);
  for (;;) {
    maintain_control(now);
    if (!view) {
      if (now - looked_ns >= kSearchNs && look_for_next(now)) return ReadStatus::moved;
      const std::int64_t left = deadline - now;
      if (left <= 0) return ReadStatus::timeout;
      nap(std::min(left, kSearchNs));
      now = monotonic_ns();
      continue;
    }
    // The word before the head: a frame published in between changes the word, and the wait returns at once.
    const auto& word = view->live().futex;
    const std::uint32_t value = word.load(std::memory_order_acquire);
    const Took took = view->broken() ? Took::corrupt : take(out, skip_to_newest);
    if (took == Took::frame) {
      took_ns = now;
      return ReadStatus::frame;
    }
    if (took == Took::corrupt) {
      view.reset();
      fresh = true;     // start as if new: the numbers of a damaged ring mean nothing
      looked_ns = now;  // it may stay damaged: not again at once
      return ReadStatus::corrupt;
    }
    const auto state = word_of(*view);
    const bool over = state == layout::WriterWord::superseded || state == layout::WriterWord::ended;
    // Where frames come only a name that was taken over meanwhile is to be found out.
    const std::int64_t look_ns = now - took_ns < kLookNs ? kBusyLookNs : kLookNs;
    if ((over || now - looked_ns >= look_ns) && look_for_next(now)) return ReadStatus::moved;
    const std::int64_t left = deadline - now;
    if (left <= 0) return ReadStatus::timeout;
    if (over) {
      if (view->head() <= next) nap(std::min(left, kSearchNs));
    } else if (futex_wait(word, value, std::min(left, kLookNs)) == FutexResult::woken &&
               word.load(std::memory_order_relaxed) != value) {
      // Hand the waking on before doing anything else: see waker.h. Only with news, and only to who has none:
      // else readers that have seen the frame and sleep again would wake each other for ever.
      futex_wake_unaware(word, word.load(std::memory_order_relaxed), kWakeFanout);
    }
    now = monotonic_ns();
  }
}

RingReader::RingReader(std::string_view name, ReaderOptions options) {
  check_ring_name(name);
  state_ = std::make_unique<State>(name, std::move(options));
  state_->attach();
  if (state_->options.connect) set_demand(true);
}

RingReader::RingReader(RingReader&&) noexcept = default;
RingReader& RingReader::operator=(RingReader&&) noexcept = default;
RingReader::~RingReader() = default;

namespace {
// A file that stops being a ring under a reader's feet (while it re-opens the name) is bad bytes, not an
// exception.
template <class F>
ReadStatus guarded(F&& read) {
  try {
    return read();
  } catch (const Error&) {
    nap(kSearchNs);
    return ReadStatus::corrupt;
  }
}
}  // namespace

ReadStatus RingReader::next(FrameView& view, std::chrono::nanoseconds timeout) {
  return guarded([&] { return state_->wait_and_take(view, timeout, false); });
}

ReadStatus RingReader::newest(FrameView& view, std::chrono::nanoseconds timeout) {
  return guarded([&] { return state_->wait_and_take(view, timeout, true); });
}

ReadStatus RingReader::glance(FrameView& view) {
  state_->fresh = true;
  return newest(view, std::chrono::nanoseconds(0));
}

bool RingReader::still_valid(const FrameView& view) const noexcept {
  return state_->view && state_->view->still_valid(view);
}

bool RingReader::copy(const FrameView& view, std::vector<std::uint8_t>& payload,
                      std::string* metadata) const {
  payload.resize(view.payload.size());
  copy_shared(payload.data(), view.payload.data(), view.payload.size());
  if (metadata != nullptr) {
    metadata->resize(view.metadata.size());
    copy_shared(reinterpret_cast<std::uint8_t*>(metadata->data()), view.metadata.data(),
                view.metadata.size());
  }
  return still_valid(view);
}

const FrameFormat& RingReader::format() const noexcept {
  return state_->view ? state_->view->format() : state_->no_format;
}
const std::string& RingReader::name() const noexcept { return state_->name; }
bool RingReader::attached() const noexcept { return state_->view.has_value(); }
std::uint64_t RingReader::epoch() const noexcept { return state_->view ? state_->view->epoch() : 0; }
std::uint64_t RingReader::seen() const noexcept { return state_->seen; }
std::uint64_t RingReader::missed() const noexcept { return state_->missed; }

std::int64_t RingReader::wall_offset_ns() const noexcept {
  return state_->view ? state_->view->live().wall_offset_ns.load(std::memory_order_relaxed)
                      : monotonic_to_wall_ns();
}

WriterState RingReader::writer_state() const noexcept {
  if (!state_->view) return WriterState::absent;
  return writer_state_of(*state_->view, state_->paths.lock);
}

WriterState writer_state_of(const RingView& view, const std::string& lock_path) noexcept {
  const auto word = word_of(view);
  if (word == layout::WriterWord::ended) return WriterState::ended;
  if (test_writer_lock(lock_path) == LockTest::free) return WriterState::dead;
  if (monotonic_ns() - view.live().beat_loop_ns.load(std::memory_order_relaxed) > kStalledNs &&
      monotonic_ns() - view.live().beat_publish_ns.load(std::memory_order_relaxed) > kStalledNs) {
    return WriterState::stalled;
  }
  if (word == layout::WriterWord::no_signal) return WriterState::no_signal;
  return word == layout::WriterWord::starting ? WriterState::starting : WriterState::live;
}

std::string_view to_string(WriterState state) noexcept {
  switch (state) {
    case WriterState::absent:
      return "absent";
    case WriterState::starting:
      return "starting";
    case WriterState::live:
      return "live";
    case WriterState::no_signal:
      return "no-signal";
    case WriterState::stalled:
      return "stalled";
    case WriterState::ended:
      return "ended";
    case WriterState::dead:
      return "dead";
  }
  return "absent";
}

std::string no_frame_because(WriterState state, std::string_view ring) {
  switch (state) {
    case WriterState::absent:
      return "there is no ring '" + std::string(ring) + "' yet";
    case WriterState::starting:
      return "no frame has come yet";
    case WriterState::live:
      return "no frame for some time";
    case WriterState::no_signal:
      return "the source gives no signal";
    case WriterState::stalled:
      return "the writer is stopped or hangs";
    case WriterState::ended:
      return "the writer ended";
    case WriterState::dead:
      return "the writer died";
  }
  return "unknown";
}

std::string_view trouble_of(WriterState state) noexcept {
  switch (state) {
    case WriterState::absent:
      return "there is no such ring: is its writer (camcap, shmpub) running?";
    case WriterState::dead:
      return "the ring's writer died";
    case WriterState::ended:
      return "the ring's writer has ended";
    case WriterState::stalled:
      return "the ring's writer is stopped or hangs";
    case WriterState::no_signal:
      return "the camera gives no signal";
    case WriterState::starting:
    case WriterState::live:
      break;
  }
  return {};
}

void RingReader::set_demand(bool wanted) {
  if (!wanted) {
    state_->control.reset();
  } else if (!state_->control) {
    state_->control.emplace(state_->paths.sock, state_->options.label);
    state_->reported_ns = 0;
    state_->maintain_control(monotonic_ns());
  }
}

void RingReader::request_keyframe() {
  if (state_->control) state_->control->request_keyframe();
}

}  // namespace camring
