// The writing half of the publish protocol (claim, commit). What pairs with what is said at the fences; the
// reading half is ring_view.cpp.
#include "ring/ring_writer.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <mutex>

#include "base/clock.h"
#include "base/error.h"
#include "ring/control_server.h"
#include "ring/fence.h"
#include "ring/ring_builder.h"
#include "ring/waker.h"
#include "ring/writer_lock.h"

namespace camring {

struct RingWriter::State {
  explicit State(RingSpec wanted);

  void start_generation(const RingSpec& next);
  layout::Header& header() noexcept { return header_of(mapping); }
  layout::Live& live() noexcept { return header().live; }
  layout::Entry* entries() noexcept {
    return reinterpret_cast<layout::Entry*>(mapping.data() + geometry.index_offset);
  }
  void announce(layout::WriterWord word) noexcept;

  RingSpec spec;
  RingPaths paths;
  WriterLock lock;
  Succession succession;
  Geometry geometry;
  Mapping mapping;
  std::uint64_t number = 0;    // of the next frame
  std::uint64_t position = 0;  // arena position where the next frame may begin
  std::uint64_t intent = 0;    // as in the ring, which others may have written to
  std::int64_t wall_checked_ns = 0;
  std::mutex swap;  // beat_* and set_signal come from other threads while generations change or end
  Waker waker;
  std::unique_ptr<ControlServer> control;
  std::uint64_t wanted_arena = 0;  // what the user ordered, if anything
  bool open = true;
};

namespace {

std::array<std::uint8_t, 16> random_uuid() {
  std::array<std::uint8_t, 16> uuid{};
  if (::getentropy(uuid.data(), uuid.size()) != 0) std::memcpy(uuid.data(), "camring-no-random", uuid.size());
  uuid[6] = static_cast<std::uint8_t>((uuid[6] & 0x0f) | 0x40);  // RFC 9562, section 5.4: version 4
  uuid[8] = static_cast<std::uint8_t>((uuid[8] & 0x3f) | 0x80);
  return uuid;
}

RingSpec checked(RingSpec spec) {
  check_ring_name(spec.name);
  return spec;
}

}  // namespace

RingWriter::State::State(RingSpec wanted)
    : spec(checked(std::move(wanted))), paths(spec.name), lock(spec.name, paths, {spec.mode, spec.group}) {
  wanted_arena = spec.arena_bytes;
  succession = succession_of(paths);
  succession.uuid = random_uuid();
  // Before the ring: who sees the ring finds its control channel too.
  if (spec.control)
    control = std::make_unique<ControlServer>(spec.name, paths, FileAccess{spec.mode, spec.group});
  start_generation(spec);
}

void RingWriter::State::start_generation(const RingSpec& next) {
  const Geometry planned = plan_geometry(next);
  Mapping built = build_generation(next, paths, planned, succession);
  const std::lock_guard lock_swap(swap);
  if (mapping.data() != nullptr) announce(layout::WriterWord::superseded);
  mapping = std::move(built);
  geometry = planned;
  spec = next;
  number = succession.first_number;
  position = 0;
  intent = 0;
  ++succession.epoch;
}

void RingWriter::State::announce(layout::WriterWord word) noexcept {
  live().state.store(static_cast<std::uint32_t>(word), std::memory_order_release);
  live().futex.fetch_add(1, std::memory_order_release);
  waker.wake_all_now(live().futex);
}

RingWriter::RingWriter(RingSpec spec) : state_(std::make_unique<State>(std::move(spec))) {}
RingWriter::RingWriter(RingWriter&&) noexcept = default;
RingWriter& RingWriter::operator=(RingWriter&& other) noexcept {
  if (this != &other) {
    close();
    state_ = std::move(other.state_);
  }
  return *this;
}
RingWriter::~RingWriter() { close(); }

Claim RingWriter::claim(std::size_t bytes, std::size_t metadata_bytes) {
  State& s = *state_;
  Claim claim;
  const std::uint64_t needed = slot_bytes(bytes, std::min<std::size_t>(metadata_bytes, layout::kMaxMetadata));
  const std::uint64_t arena = s.geometry.arena_bytes;
  // Two frames must fit, else a new frame would take away the newest one that readers hold.
  if (bytes == 0 || bytes > UINT32_MAX || needed > arena / 2) return claim;
  std::uint64_t position = s.position;
  if (position % arena + needed > arena) position = (position / arena + 1) * arena;  // frames are contiguous
  s.intent = std::max(position + needed, s.intent);
  s.live().intent.store(s.intent, std::memory_order_relaxed);
  // Orders the intent before every payload byte written below: pairs with RingView::still_valid.
  release_fence();
  claim.data_ = {s.mapping.data() + s.geometry.arena_offset + position % arena, bytes};
  claim.position_ = position;
  claim.room_ = needed;
  return claim;
}

std::uint64_t RingWriter::commit(Claim&& claim, std::size_t bytes, const CommitInfo& info) {
  State& s = *state_;
  layout::Live& live = s.live();
  const std::uint64_t number = s.number;
  const std::span<std::uint8_t> data = std::exchange(claim.data_, {});
  bytes = std::min(bytes, data.size());
  const std::size_t meta_offset = (bytes + 7) & ~std::size_t{7};
  const std::size_t meta_bytes = std::min<std::size_t>(info.metadata.size(), layout::kMaxMetadata);
  const bool with_meta = meta_bytes != 0 && meta_offset + meta_bytes <= claim.room_;
  if (with_meta) {
    copy_shared(data.data() + meta_offset, reinterpret_cast<const std::uint8_t*>(info.metadata.data()),
                meta_bytes);
  }
  const std::int64_t now = monotonic_ns();

  constexpr auto kRelaxed = std::memory_order_relaxed;
  layout::Entry& entry = s.entries()[number & (s.geometry.depth - 1)];
  entry.seq.store(2 * number + 1, kRelaxed);
  // Orders the odd number before the fields: pairs with the fence in RingView::read.
  release_fence();
  entry.position.store(claim.position_, kRelaxed);
  entry.size_bytes.store(static_cast<std::uint32_t>(bytes), kRelaxed);
  entry.flags.store(info.flags, kRelaxed);
  entry.capture_ns.store(info.capture_ns, kRelaxed);
  entry.publish_ns.store(now, kRelaxed);
  entry.source_number.store(info.source_number.value_or(number), kRelaxed);
  entry.source_capture_ns.store(info.source_capture_ns.value_or(info.capture_ns), kRelaxed);
  entry.meta_position.store(with_meta ? claim.position_ + meta_offset : 0, kRelaxed);
  entry.meta_bytes.store(with_meta ? static_cast<std::uint32_t>(meta_bytes) : 0, kRelaxed);
  entry.seq.store(2 * number + 2, std::memory_order_release);

  if ((info.flags & frame_flag::keyframe) != 0) live.last_keyframe.store(number, kRelaxed);
  live.beat_publish_ns.store(now, kRelaxed);
  if (const auto live_word = static_cast<std::uint32_t>(layout::WriterWord::live);
      (info.flags & frame_flag::placeholder) == 0 && live.state.load(kRelaxed) != live_word) {
    live.state.store(live_word, kRelaxed);
  }
  if (now - s.wall_checked_ns > 1'000'000'000) {  // the wall clock may be corrected at any time
    s.wall_checked_ns = now;
    live.wall_offset_ns.store(monotonic_to_wall_ns(), kRelaxed);
  }
  live.head.store(number + 1, std::memory_order_release);
  s.position = claim.position_ + slot_bytes(bytes, with_meta ? meta_bytes : 0);
  s.number = number + 1;
  live.futex.fetch_add(1, std::memory_order_release);
  s.waker.wake(live.futex);
  return number;
}

std::uint64_t RingWriter::publish(std::span<const std::uint8_t> payload, const CommitInfo& info) {
  if (payload.empty() || payload.size() > UINT32_MAX) {
    throw Error(ExitCode::internal, "publish a frame", name(), "an empty or impossible frame");
  }
  Claim span = claim(payload.size(), info.metadata.size());
  if (!span) {
    grow(payload.size());
    span = claim(payload.size(), info.metadata.size());
  }
  fill_shared(span.data().data(), payload.data(), payload.size());
  return commit(std::move(span), payload.size(), info);
}

void RingWriter::grow(std::size_t bytes) {
  RingSpec next = state_->spec;
  next.arena_bytes =
      std::max<std::uint64_t>(state_->geometry.arena_bytes * 2, slot_bytes(bytes, layout::kMaxMetadata) * 8);
  state_->succession.first_number = state_->number;
  state_->start_generation(next);
}

void RingWriter::reconfigure(const FrameFormat& format) {
  RingSpec next = state_->spec;
  next.format = format;
  next.arena_bytes = state_->wanted_arena;
  state_->succession.first_number = state_->number;
  state_->start_generation(next);
}

void RingWriter::set_signal(bool present) noexcept {
  // Only a change is announced; frames themselves say that there is a signal (commit).
  State& s = *state_;
  const std::lock_guard lock(s.swap);
  if (!s.open) return;
  const auto word = static_cast<layout::WriterWord>(s.live().state.load(std::memory_order_relaxed));
  if (!present && word != layout::WriterWord::no_signal) s.announce(layout::WriterWord::no_signal);
  if (present && word == layout::WriterWord::no_signal) s.announce(layout::WriterWord::live);
}

void RingWriter::beat_loop() noexcept {
  const std::lock_guard lock(state_->swap);
  state_->live().beat_loop_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

void RingWriter::beat_capture() noexcept {
  const std::lock_guard lock(state_->swap);
  state_->live().beat_capture_ns.store(monotonic_ns(), std::memory_order_relaxed);
}

void RingWriter::close() noexcept {
  if (!state_ || !state_->open) return;
  state_->control.reset();
  ::unlink(state_->paths.ring.c_str());
  state_->lock.remove_file();
  const std::lock_guard lock(state_->swap);
  state_->open = false;
  state_->announce(layout::WriterWord::ended);
}

const FrameFormat& RingWriter::format() const noexcept { return state_->spec.format; }
const std::string& RingWriter::name() const noexcept { return state_->spec.name; }
std::uint64_t RingWriter::next_number() const noexcept { return state_->number; }

std::vector<Consumer> RingWriter::consumers() const {
  return state_->control ? state_->control->consumers() : std::vector<Consumer>{};
}
std::size_t RingWriter::consumer_count() const noexcept {
  return state_->control ? state_->control->consumer_count() : 0;
}
bool RingWriter::take_keyframe_request() noexcept {
  return state_->control && state_->control->take_keyframe_request();
}
std::optional<Correction> RingWriter::correction() const {
  return state_->control ? state_->control->correction() : std::nullopt;
}
int RingWriter::event_fd() const noexcept { return state_->control ? state_->control->event_fd() : -1; }

}  // namespace camring
