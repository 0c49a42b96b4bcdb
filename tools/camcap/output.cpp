#include "output.h"

#include <algorithm>
#include <cstdio>

#include "base/clock.h"
#include "base/error.h"
#include "base/stream_copy.h"

namespace camring::camcap {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kStatusEvery = 5 * kSecond;

app::Labels ring_label(const std::string& ring) { return {{"ring", ring}}; }

// How long a source may be silent before readers are told: three frames, at least a second.
std::int64_t patience(const FrameFormat& format) {
  return std::max(kSecond, 3 * std::int64_t{format.rate.period().count()});
}

}  // namespace

const char* to_string(Drop drop) noexcept {
  static constexpr std::array<const char*, kDrops> kNames{"driver", "corrupt", "keyframe", "too_large"};
  return kNames[static_cast<std::size_t>(drop)];
}

Output::Output(RingSpec ring, std::uint64_t limit, app::Metrics& metrics, app::Notify& notify)
    : spec_(std::move(ring)),
      limit_(limit),
      metrics_(metrics),
      notify_(notify),
      frames_total_(metrics.counter("frames_total", "Frames put into the ring.", ring_label(spec_.name))),
      source_up_(metrics.gauge("source_up", "1 while the source is connected.", ring_label(spec_.name))) {
  for (std::size_t i = 0; i < kDrops; ++i) {
    app::Labels labels = ring_label(spec_.name);
    labels.emplace_back("reason", to_string(static_cast<Drop>(i)));
    dropped_total_[i] =
        &metrics.counter("frames_dropped_total", "Frames of the source that did not reach the ring.", labels);
  }
}

void Output::configure(const FrameFormat& format) {
  if (!writer_) {
    spec_.format = format;
    writer_ = std::make_unique<RingWriter>(spec_);
    shared_.store(writer_.get(), std::memory_order_release);
  } else if (writer_->format() != format) {
    writer_->reconfigure(format);
    discontinuity_ = true;
  } else {
    return;
  }
  patience_ns_.store(patience(format), std::memory_order_relaxed);
  app::log_info("ring " + spec_.name + ": " + describe(format) + " from " + spec_.source);
}

Claim Output::claim() { return writer_->claim(writer_->format().raw_bytes()); }

CommitInfo Output::commit_info(const FrameTiming& timing) noexcept {
  CommitInfo info;
  info.flags = timing.flags | (discontinuity_ ? frame_flag::discontinuity : 0u);
  info.capture_ns = timing.capture_ns;
  return info;
}

void Output::commit(Claim&& claim, const FrameTiming& timing) {
  const std::size_t bytes = claim.data().size();
  writer_->commit(std::move(claim), bytes, commit_info(timing));
  counted(monotonic_ns());
}

void Output::publish(std::initializer_list<std::span<const std::uint8_t>> pieces, const FrameTiming& timing) {
  std::size_t bytes = 0;
  for (const auto& piece : pieces) bytes += piece.size();
  Claim claim = writer_->claim(bytes);
  if (!claim && grow(bytes)) claim = writer_->claim(bytes);
  if (!claim) return dropped(Drop::too_large);
  std::uint8_t* to = claim.data().data();
  for (const auto& piece : pieces) {
    stream_copy(to, piece.data(), piece.size());
    to += piece.size();
  }
  writer_->commit(std::move(claim), bytes, commit_info(timing));
  counted(monotonic_ns());
}

bool Output::grow(std::size_t bytes) {
  try {
    writer_->grow(bytes);
    return true;
  } catch (const Error& error) {
    too_large_.report(error.what());
    return false;
  }
}

void Output::counted(std::int64_t now) noexcept {
  discontinuity_ = false;
  if (frames() == 0) first_frame_ns_.store(now, std::memory_order_relaxed);
  last_frame_ns_.store(now, std::memory_order_relaxed);
  frames_total_.add();
  frames_.fetch_add(1, std::memory_order_release);
  reconnecting_.store(false, std::memory_order_relaxed);
  writer_->beat_capture();
}

void Output::dropped(Drop reason, std::uint64_t count) noexcept {
  dropped_total_[static_cast<std::size_t>(reason)]->add(count);
  discontinuity_ = true;
}

void Output::beat() noexcept {
  if (writer_) writer_->beat_capture();
}

void Output::source_up(bool up) noexcept { source_up_.set(up ? 1 : 0); }

void Output::reconnecting(const std::string& cause) {
  source_up(false);
  app::Labels labels = ring_label(spec_.name);
  labels.emplace_back("cause", cause);
  metrics_.counter("reconnects_total", "Attempts to connect the source again.", labels).add();
  discontinuity_ = true;
  reconnecting_.store(true, std::memory_order_relaxed);
  if (writer_) writer_->set_signal(false);
}

std::uint64_t Output::drops() const noexcept {
  std::uint64_t sum = 0;
  for (const app::Counter* counter : dropped_total_) sum += counter->value();
  return sum;
}

void Output::tick() {
  const std::uint64_t frames = this->frames();
  const std::int64_t now = monotonic_ns();
  const bool progress = frames != frames_seen_;
  frames_seen_ = frames;
  if (frames > 0) notify_.ready();
  if (progress || reconnecting_.load(std::memory_order_relaxed)) notify_.alive();

  RingWriter* writer = shared_.load(std::memory_order_acquire);
  if (writer == nullptr) return;
  writer->beat_loop();
  const std::int64_t last = last_frame_ns_.load(std::memory_order_relaxed);
  const bool silent = last != 0 && now - last > patience_ns_.load(std::memory_order_relaxed);
  if (silent && !silent_) writer->set_signal(false);
  silent_ = silent;

  if (status_ns_ == 0) status_ns_ = now;
  if (now - status_ns_ < kStatusEvery) return;
  fps_ = static_cast<double>(frames - frames_at_status_) * 1e9 / static_cast<double>(now - status_ns_);
  frames_at_status_ = frames;
  status_ns_ = now;
  const std::string line = status();
  notify_.status(line);
  app::log_debug(line);
}

std::string Output::status() const {
  std::array<char, 32> rate{};
  std::snprintf(rate.data(), rate.size(), "%.1f fps, ", fps_);
  return spec_.name + ": " + (silent_ ? "no signal, " : "") + rate.data() + summary();
}

std::string Output::summary() const {
  const std::int64_t first = first_frame_ns_.load(std::memory_order_relaxed);
  const double seconds = static_cast<double>(last_frame_ns_.load(std::memory_order_relaxed) - first) / 1e9;
  std::array<char, 32> taken{};
  std::snprintf(taken.data(), taken.size(), "%.1f s", seconds);
  std::string text =
      std::to_string(frames()) + " frames in " + taken.data() + ", " + std::to_string(drops()) + " dropped";
  std::string reasons;
  for (std::size_t i = 0; i < kDrops; ++i) {
    const std::uint64_t count = dropped_total_[i]->value();
    if (count == 0) continue;
    reasons += (reasons.empty() ? "" : ", ") + std::to_string(count) + " " + to_string(static_cast<Drop>(i));
  }
  return reasons.empty() ? text : text + " (" + reasons + ")";
}

void Output::close() noexcept {
  if (RingWriter* writer = shared_.load(std::memory_order_acquire)) writer->close();
}

}  // namespace camring::camcap
