#include "feed.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "av/jpeg.h"
#include "base/clock.h"
#include "base/error.h"
#include "placeholder.h"

namespace camring::mjpegserve {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kStandInNs = 1'000'000'000;  // between pictures that stand in
constexpr std::size_t kPooled = 32;
constexpr std::size_t kMaxInbox = 8;

std::string part_head(std::size_t bytes, std::int64_t wall_ns, const char* more) {
  std::array<char, 256> text{};
  const int size = std::snprintf(
      text.data(), text.size(),
      "--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n%sX-Timestamp: %lld.%06lld\r\n\r\n",
      kBoundary, bytes, more, static_cast<long long>(wall_ns / 1'000'000'000),
      static_cast<long long>(wall_ns % 1'000'000'000 / 1000));
  return {text.data(), static_cast<std::size_t>(size)};
}

FeedState starting(const std::string& ring) {
  FeedState state;
  state.writer = WriterState::starting;
  state.reason = no_frame_because(state.writer, ring);
  return state;
}

}  // namespace

std::shared_ptr<std::vector<std::uint8_t>> BufferPool::take() {
  std::unique_ptr<std::vector<std::uint8_t>> buffer;
  {
    const std::lock_guard lock(mutex_);
    if (!free_.empty()) {
      buffer = std::move(free_.back());
      free_.pop_back();
    }
  }
  if (!buffer) buffer = std::make_unique<std::vector<std::uint8_t>>();
  return {buffer.release(), [pool = weak_from_this()](std::vector<std::uint8_t>* raw) {
            std::unique_ptr<std::vector<std::uint8_t>> back(raw);
            if (const auto home = pool.lock()) {
              const std::lock_guard lock(home->mutex_);
              if (home->free_.size() < kPooled) home->free_.push_back(std::move(back));
            }
          }};
}

Feed::Feed(const std::string& ring, FeedOptions options, net::Server& server, app::Metrics& metrics)
    : name_(ring),
      options_(options),
      server_(server),
      frames_total_(metrics.counter("frames_total", "Frames taken from the ring.", {{"ring", ring}})),
      overwritten_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                         {{"ring", ring}, {"reason", "overwritten"}})),
      missed_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                    {{"ring", ring}, {"reason", "missed"}})),
      no_jpeg_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                     {{"ring", ring}, {"reason", "no_jpeg"}})),
      late_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                  {{"ring", ring}, {"reason", "busy"}})),
      skipped_total_(metrics.counter("client_frames_skipped_total", "Frames that slow clients did not get.",
                                     {{"ring", ring}})),
      bytes_total_(
          metrics.counter("bytes_sent_total", "Bytes of streams handed to the network.", {{"ring", ring}})),
      delivered_total_(metrics.counter(
          "frames_sent_total", "Frames handed to the network, once for each client.", {{"ring", ring}})),
      clients_(metrics.gauge("clients", "Clients of streams now.", {{"ring", ring}})),
      source_up_(metrics.gauge("source_up", "1 while fresh frames come.", {{"ring", ring}})),
      age_(metrics.histogram("frame_age_seconds", "Age of a frame, capture to delivery to the network.",
                             {{"ring", ring}})),
      state_(starting(ring)),
      follower_(ring, {.label = "mjpegserve"}, *this) {}

FeedState Feed::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

std::chrono::nanoseconds Feed::patience() const noexcept {
  return std::max(options_.stale_after, std::chrono::nanoseconds(3 * period_ns_.load()));
}

net::StreamEvents Feed::stream_events() {
  const auto have = [this](std::size_t streams) {
    streams_ = streams;
    clients_.set(static_cast<double>(streams_));
    follower_.set_watchers(streams_);
  };
  have(streams_ + 1);
  net::StreamEvents events;
  events.delivered = [this](const net::Chunk& chunk, std::size_t) {
    if (!chunk.counted) return;
    delivered_total_.add();
    age_.observe(static_cast<double>(monotonic_ns() - chunk.capture_ns) * 1e-9);
  };
  events.skipped = [this](std::uint64_t count) { skipped_total_.add(count); };
  events.sent = [this](std::size_t bytes) { bytes_total_.add(bytes); };
  events.ended = [this, have] { have(streams_ - 1); };
  return events;
}

void Feed::when_newer(std::int64_t capture_ns, std::chrono::nanoseconds timeout,
                      std::function<void(const std::optional<Snapshot>&)> callback) {
  const std::uint64_t id = ++waiting_id_;
  waiting_.push_back({id, capture_ns, std::move(callback)});
  server_.after(timeout, [this, id, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    const auto found =
        std::find_if(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return one.id == id; });
    if (found == waiting_.end()) return;
    const auto late = std::move(found->callback);
    waiting_.erase(found);
    late(std::nullopt);
  });
}

// In the loop's turn.
void Feed::arrived(std::shared_ptr<net::Chunk> chunk, const Snapshot& snapshot) {
  const bool real = chunk->counted;
  channel_->publish(std::move(chunk));
  if (!real) return;
  newest_ = snapshot;
  std::vector<Waiting> ripe;
  for (std::size_t i = 0; i < waiting_.size();) {
    if (snapshot.capture_ns <= waiting_[i].capture_ns) {
      ++i;
      continue;
    }
    ripe.push_back(std::move(waiting_[i]));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const Waiting& one : ripe) one.callback(newest_);
}

// A loop that stalls finds the newest pictures, not all that came meanwhile.
void Feed::hand_over(std::shared_ptr<net::Chunk> chunk, Snapshot snapshot) {
  {
    const std::lock_guard lock(inbox_mutex_);
    inbox_.emplace_back(std::move(chunk), std::move(snapshot));
    if (inbox_.size() > kMaxInbox) {
      if (inbox_.front().first->counted) late_total_.add();
      inbox_.pop_front();
    }
    if (inbox_.size() > 1) return;  // somebody is about to take them
  }
  server_.enter([this, alive = std::weak_ptr(alive_)] {
    if (alive.expired()) return;
    decltype(inbox_) all;
    {
      const std::lock_guard lock(inbox_mutex_);
      all.swap(inbox_);
    }
    for (auto& [picture, details] : all) arrived(std::move(picture), details);
  });
}

// False: nothing that can be shown.
bool Feed::take(RingReader& reader, const FrameView& view) {
  missed_total_.add(view.missed);
  auto body = pool_->take();
  if (!reader.copy(view, *body)) {
    overwritten_total_.add();
    return true;  // the frame after it is there already
  }
  if (!av::jpeg_is_whole(*body)) {
    no_jpeg_total_.add();
    last_bad_ns_ = monotonic_ns();
    return false;
  }
  const std::int64_t now = monotonic_ns();
  if (now - view.info.publish_ns >
      patience().count()) {  // left in the ring by a writer that sleeps or is gone
    const std::lock_guard lock(mutex_);
    state_.size = av::jpeg_size(*body).value_or(Size{});
    return false;
  }
  frames_total_.add();
  if (stood_in_ns_ > last_frame_ns_)
    last_capture_ns_ = 0;  // the time without a camera says nothing of its rate
  last_frame_ns_ = now;
  const FrameInfo& info = view.info;
  if (last_capture_ns_ != 0 && info.capture_ns > last_capture_ns_ && info.number > last_number_) {
    const std::int64_t known = period_ns_.load();
    const std::int64_t period =
        (info.capture_ns - last_capture_ns_) / static_cast<std::int64_t>(info.number - last_number_);
    period_ns_.store(known == 0 || period > 4 * known ? period : (known * 9 + period) / 10);
  }
  last_capture_ns_ = info.capture_ns;
  last_number_ = info.number;
  {
    const std::lock_guard lock(mutex_);
    state_.frames += 1;
    state_.missed = reader.missed();
    state_.capture_ns = view.info.capture_ns;
    state_.fps = period_ns_.load() > 0 ? 1e9 / static_cast<double>(period_ns_.load()) : 0;
    state_.writer = WriterState::live;
    state_.coming = true;
    state_.ready = !view.info.placeholder();
    state_.reason = state_.ready ? "" : "the source's tool shows a placeholder";
    if (state_.size.width == 0 || state_.frames % 64 == 1)
      state_.size = av::jpeg_size(*body).value_or(Size{});
  }
  source_up_.set(view.info.placeholder() ? 0 : 1);
  if (fault_.reported()) fault_.clear("ring " + name_ + " gives pictures");

  Snapshot snapshot{body, view.info.capture_ns, view.info.publish_ns, reader.wall_offset_ns()};
  auto chunk = std::make_shared<net::Chunk>();
  chunk->capture_ns = view.info.capture_ns;
  chunk->available_ns = view.info.publish_ns;
  chunk->head = part_head(body->size(), view.info.capture_ns + snapshot.wall_offset_ns, "");
  chunk->body = std::move(body);
  chunk->tail = "\r\n";
  hand_over(std::move(chunk), std::move(snapshot));
  return true;
}

// Shown when it begins, so that who comes later sees it at once; repeated while somebody watches.
void Feed::stand_in(const std::string& reason, std::int64_t now) {
  Size size;
  {
    const std::lock_guard lock(mutex_);
    size = state_.size.width != 0 ? state_.size : state_.format.size;
  }
  const bool same =
      stand_in_ && stood_in_ns_ > last_frame_ns_ && reason == stand_in_reason_ && size == stand_in_size_;
  if (same && (!follower_.watched() || now - stood_in_ns_ < kStandInNs)) return;
  stood_in_ns_ = now;
  if (!stand_in_ || reason != stand_in_reason_ || size != stand_in_size_) {
    stand_in_ = placeholder_jpeg(size, name_ + ": no picture", reason);
    stand_in_reason_ = reason;
    stand_in_size_ = size;
  }
  auto chunk = std::make_shared<net::Chunk>();
  chunk->counted = false;
  chunk->capture_ns = chunk->available_ns = now;
  chunk->body = stand_in_;
  chunk->head = part_head(stand_in_->size(), realtime_ns(), "X-Camring-Placeholder: 1\r\n");
  chunk->tail = "\r\n";
  hand_over(std::move(chunk), {});
}

std::string Feed::unfit(const FrameFormat& format) const {
  if (format.codec == Codec::mjpeg) return {};
  return "ring '" + name_ + "' holds " + describe(format) +
         ", not JPEG; serve the ring that this makes: shmpub " + name_ + " --out " + name_ + ".mjpeg:mjpeg";
}

void Feed::begin(RingReader&, bool anew) {
  const std::lock_guard lock(mutex_);
  if (anew) state_.size = {};  // another writer may send another size
}

// Says why nothing comes, and shows it to who is watching.
void Feed::silent(RingReader* reader, const Silence& silence) {
  const std::int64_t now = monotonic_ns();
  const std::int64_t patient = patience().count();
  std::string reason = silence.reason;
  if (silence.coming && now - last_bad_ns_ <= patient && now - last_frame_ns_ > patient)
    reason = "its frames are no whole JPEG pictures";
  {
    const std::lock_guard lock(mutex_);
    if (reader != nullptr) state_.writer = silence.writer;
    state_.coming = silence.coming;
    if (reader != nullptr && reader->attached()) state_.format = reader->format();
    if (!reason.empty()) {
      state_.ready = false;
      state_.reason = reason;
      state_.fps = 0;
    }
  }
  if (reason.empty()) return;
  source_up_.set(0);
  fault_.report(reader != nullptr ? "ring " + name_ + ": " + reason : reason);
  stand_in(reason, now);
}

}  // namespace camring::mjpegserve
