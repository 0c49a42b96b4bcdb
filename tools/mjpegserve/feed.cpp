#include "feed.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstring>

#include "base/clock.h"
#include "base/error.h"
#include "placeholder.h"

namespace camring::mjpegserve {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kLookNs = 200'000'000;       // between looks at a silent writer
constexpr std::int64_t kStandInNs = 1'000'000'000;  // between pictures that stand in
constexpr std::int64_t kWantNs = 5'000'000'000;     // how long a snapshot keeps an encoder going
constexpr std::size_t kPooled = 32;

std::string part_head(std::size_t bytes, std::int64_t wall_ns, const char* more) {
  std::array<char, 256> text{};
  const int size = std::snprintf(
      text.data(), text.size(),
      "--%s\r\nContent-Type: image/jpeg\r\nContent-Length: %zu\r\n%sX-Timestamp: %lld.%06lld\r\n\r\n",
      kBoundary, bytes, more, static_cast<long long>(wall_ns / 1'000'000'000),
      static_cast<long long>(wall_ns % 1'000'000'000 / 1000));
  return {text.data(), static_cast<std::size_t>(size)};
}

// Width and height out of a JPEG's frame header (ITU-T T.81, B.2.2); empty when there is none.
Size jpeg_size(std::span<const std::uint8_t> jpeg) {
  std::size_t at = 2;
  while (at + 9 < jpeg.size() && jpeg[at] == 0xff) {
    const std::uint8_t marker = jpeg[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && marker != 0xc4 && marker != 0xc8 && marker != 0xcc) {
      return {static_cast<std::uint32_t>(jpeg[at + 7] << 8 | jpeg[at + 8]),
              static_cast<std::uint32_t>(jpeg[at + 5] << 8 | jpeg[at + 6])};
    }
    at += 2u + static_cast<std::size_t>(jpeg[at + 2] << 8 | jpeg[at + 3]);
  }
  return {};
}

std::string reason_of(WriterState writer, const std::string& name) {
  switch (writer) {
    case WriterState::absent:
      return "there is no ring '" + name + "' yet";
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
      skipped_total_(metrics.counter("client_frames_skipped_total", "Frames that slow clients did not get.",
                                     {{"ring", ring}})),
      bytes_total_(
          metrics.counter("bytes_sent_total", "Bytes of streams handed to the network.", {{"ring", ring}})),
      delivered_total_(metrics.counter(
          "frames_sent_total", "Frames handed to the network, once for each client.", {{"ring", ring}})),
      clients_(metrics.gauge("clients", "Clients of streams now.", {{"ring", ring}})),
      source_up_(metrics.gauge("source_up", "1 while fresh frames come.", {{"ring", ring}})),
      age_(metrics.histogram("frame_age_seconds", "Age of a frame, capture to delivery to the network.",
                             {{"ring", ring}})) {
  state_.reason = reason_of(WriterState::absent, name_);
  want();  // an encoder that works on demand shows at once whether it can
  thread_ = std::thread([this] { run(); });
}

Feed::~Feed() {
  quit_.store(true);
  thread_.join();
}

FeedState Feed::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Feed::want() noexcept { wanted_until_ns_.store(monotonic_ns() + kWantNs); }

net::StreamEvents Feed::stream_events() {
  streams_.fetch_add(1);
  clients_.set(streams_.load());
  net::StreamEvents events;
  events.delivered = [this](const net::Chunk& chunk, std::size_t) {
    if (!chunk.counted) return;
    delivered_total_.add();
    age_.observe(static_cast<double>(monotonic_ns() - chunk.capture_ns) * 1e-9);
  };
  events.skipped = [this](std::uint64_t count) { skipped_total_.add(count); };
  events.sent = [this](std::size_t bytes) { bytes_total_.add(bytes); };
  events.ended = [this] {
    streams_.fetch_sub(1);
    clients_.set(streams_.load());
  };
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

// In the event loop.
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

void Feed::take_frame(RingReader& reader, const FrameView& view) {
  missed_total_.add(view.missed);
  auto body = pool_->take();
  if (!reader.copy(view, *body)) {
    overwritten_total_.add();
    return;
  }
  if (body->size() < 4 || (*body)[0] != 0xff || (*body)[1] != 0xd8) {
    no_jpeg_total_.add();
    return;
  }
  const std::int64_t now = monotonic_ns();
  frames_total_.add();
  if (stood_in_ns_ > last_frame_ns_)
    last_capture_ns_ = 0;  // the time without a camera says nothing of its rate
  last_frame_ns_ = now;
  if (last_capture_ns_ != 0 && view.info.capture_ns > last_capture_ns_) {
    const double period =
        static_cast<double>(view.info.capture_ns - last_capture_ns_) / static_cast<double>(view.missed + 1);
    period_ns_ = period_ns_ == 0 || period > 4 * period_ns_ ? period : period_ns_ * 0.9 + period * 0.1;
  }
  last_capture_ns_ = view.info.capture_ns;
  {
    const std::lock_guard lock(mutex_);
    state_.frames += 1;
    state_.missed = reader.missed();
    state_.capture_ns = view.info.capture_ns;
    state_.fps = period_ns_ > 0 ? 1e9 / period_ns_ : 0;
    state_.writer = WriterState::live;
    state_.ready = !view.info.placeholder();
    state_.reason = state_.ready ? "" : "the source's tool shows a placeholder";
    if (state_.size.width == 0 || state_.frames % 64 == 1) state_.size = jpeg_size(*body);
  }
  source_up_.set(view.info.placeholder() ? 0 : 1);
  fault_.clear("ring " + name_ + " gives pictures again");

  Snapshot snapshot{body, view.info.capture_ns, reader.wall_offset_ns()};
  auto chunk = std::make_shared<net::Chunk>();
  chunk->capture_ns = view.info.capture_ns;
  chunk->head = part_head(body->size(), view.info.capture_ns + snapshot.wall_offset_ns, "");
  chunk->body = std::move(body);
  chunk->tail = "\r\n";
  server_.post([this, alive = std::weak_ptr(alive_), chunk = std::move(chunk),
                snapshot = std::move(snapshot)]() mutable {
    if (!alive.expired()) arrived(std::move(chunk), snapshot);
  });
}

void Feed::stand_in(const std::string& reason) {
  Size size;
  {
    const std::lock_guard lock(mutex_);
    size = state_.size.width != 0 ? state_.size : state_.format.size;
  }
  auto chunk = std::make_shared<net::Chunk>();
  chunk->counted = false;
  chunk->capture_ns = monotonic_ns();
  chunk->body = placeholder_jpeg(size, name_ + ": no picture", reason);
  chunk->head = part_head(chunk->body->size(), realtime_ns(), "X-Camring-Placeholder: 1\r\n");
  chunk->tail = "\r\n";
  server_.post([this, alive = std::weak_ptr(alive_), chunk = std::move(chunk)]() mutable {
    if (!alive.expired()) arrived(std::move(chunk), {});
  });
}

// Called while nothing comes: says why, and shows it to who is watching.
void Feed::look(RingReader& reader) {
  const std::int64_t now = monotonic_ns();
  if (now - looked_ns_ < kLookNs) return;
  looked_ns_ = now;
  const WriterState writer = reader.writer_state();
  const FrameFormat& format = reader.format();
  const bool unfit = reader.attached() && format.codec != Codec::mjpeg;
  const bool alive = writer == WriterState::live || writer == WriterState::starting;
  const std::int64_t patience =
      std::max(options_.stale_after.count(), static_cast<std::int64_t>(3 * period_ns_));
  // An encoder that works on demand gives nothing while nobody asks: that is no fault.
  const std::int64_t since = std::max(last_frame_ns_, demanded_since_ns_);
  const bool idle = alive && !unfit && !demanded_ && (reader.attached() && last_frame_ns_ != 0);
  const bool stale = now - since > patience;
  std::string reason;
  if (unfit) {
    reason = "ring '" + name_ + "' holds " + describe(format) +
             ", not JPEG; serve the ring that this makes: shmpub " + name_ + " --out " + name_ +
             ".mjpeg:mjpeg";
  } else if (!alive) {
    reason = reason_of(writer, name_);
  } else if (stale && !idle) {
    reason = reason_of(writer, name_);
  }
  const bool wanted = !reason.empty();
  {
    const std::lock_guard lock(mutex_);
    state_.writer = writer;
    if (reader.attached()) state_.format = format;
    if (wanted) {
      state_.ready = false;
      state_.reason = reason;
      state_.fps = 0;
    }
  }
  if (!wanted) return;
  source_up_.set(0);
  fault_.report("ring " + name_ + ": " + reason);
  if (now - stood_in_ns_ >= kStandInNs) {
    stood_in_ns_ = now;
    stand_in(reason);
  }
}

void Feed::track_demand(RingReader& reader) {
  const std::int64_t now = monotonic_ns();
  const bool wanted = streams_.load() > 0 || now < wanted_until_ns_.load();
  if (wanted == demanded_) return;
  demanded_ = wanted;
  demanded_since_ns_ = now;
  reader.set_demand(wanted);
}

void Feed::run() {
  ReaderOptions options;
  options.label = "mjpegserve";
  std::optional<RingReader> reader;
  FrameView view;
  while (!quit_.load()) {
    try {
      if (!reader) reader.emplace(name_, options);
      track_demand(*reader);
      // Short naps while there is nobody to wait for: a first client is noticed soon.
      const ReadStatus status = reader->newest(view, demanded_ ? 100ms : 30ms);
      if (status == ReadStatus::frame && reader->format().codec == Codec::mjpeg) {
        take_frame(*reader, view);
      } else {
        look(*reader);
      }
    } catch (const Error& error) {  // the ring can't be opened now: not permitted, damaged
      fault_.report(error.what());
      {
        const std::lock_guard lock(mutex_);
        state_.ready = false;
        state_.reason = error.what();
      }
      stand_in(error.what());
      reader.reset();
      demanded_ = false;
      std::this_thread::sleep_for(kLookNs * 1ns);
    }
  }
}

}  // namespace camring::mjpegserve
