#include "feed.h"

#include <algorithm>
#include <random>

#include "base/clock.h"
#include "base/error.h"

namespace camring::rtspserve {
namespace {

using namespace std::chrono_literals;

constexpr std::int64_t kRequestNs = 1'000'000'000;

std::uint32_t random32() {
  std::random_device device;
  return device();
}

FeedState starting(const std::string& ring) {
  FeedState state;
  state.reason = no_frame_because(state.writer, ring);
  return state;
}

}  // namespace

Feed::Feed(std::string ring, FeedOptions options, app::Metrics& metrics,
           std::function<void(std::shared_ptr<rtp::PacketBlock>)> arrived)
    : ring_(std::move(ring)),
      options_(options),
      arrived_(std::move(arrived)),
      time_base_(random32()),
      ssrc_(random32()),
      // Numbers start low enough not to wrap in a short recording (RFC 3711 asks the same).
      first_seq_(static_cast<std::uint16_t>(random32() & 0x7fff)),
      frames_total_(metrics.counter("frames_total", "Frames taken from the ring.", {{"ring", ring_}})),
      missed_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                    {{"ring", ring_}, {"reason", "missed"}})),
      unfit_total_(metrics.counter("frames_dropped_total", "Frames of the ring that were not served.",
                                   {{"ring", ring_}, {"reason", "unfit"}})),
      requests_total_(metrics.counter("keyframe_requests_total", "Keyframes asked for.", {{"ring", ring_}})),
      source_up_(metrics.gauge("source_up", "1 while fresh frames come.", {{"ring", ring_}})),
      state_(starting(ring_)),
      follower_(ring_, {.label = "rtspserve"}, *this) {}

FeedState Feed::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void Feed::round(RingReader& reader, bool demanded) {
  const std::int64_t now = monotonic_ns();
  // A large keyframe makes who is behind fall further behind, and costs everybody: one a second at most, and
  // the rest of the asking waits.
  if (demanded && now - requested_ns_ > kRequestNs && keyframe_wanted_.exchange(false)) {
    requested_ns_ = now;
    requests_total_.add();
    reader.request_keyframe();
  }
}

std::string Feed::unfit(const FrameFormat& format) const {
  if (format.compressed()) return {};
  return "it holds " + describe(format) +
         ", not video that RTP carries; serve the ring that this makes: shmpub " + ring_ + " --out " + ring_ +
         ".h264:h264";
}

// Another codec is another stream, with new numbers; all else goes on in the same one.
void Feed::begin(RingReader& reader, bool) {
  const FrameFormat& format = reader.format();
  if (format.codec != format_.codec) {
    packetizer_.reset();
    {
      const std::lock_guard lock(mutex_);
      state_.format = {};
    }
    format_ = {};
    if (!format.compressed()) return;
    if (stream_) arrived_(nullptr);
    stream_ = std::make_unique<rtp::PacketWriter>(ssrc_, stream_ ? stream_->next_seq() : first_seq_,
                                                  rtp::payload_type(format.codec), options_.max_packet);
    packetizer_ = rtp::make_packetizer(format.codec, *stream_);
  }
  if (!packetizer_) return;
  format_ = format;
  await_keyframe_ = true;
  if (!format.extradata.empty()) packetizer_->set_extradata(format.extradata);
  publish_format();
}

void Feed::publish_format() {
  const auto sets = packetizer_->extradata();
  announced_.assign(sets.begin(), sets.end());
  if (format_.codec != Codec::mjpeg && announced_.empty()) return;  // not known well enough yet
  FrameFormat format = format_;
  format.extradata = announced_;
  const std::lock_guard lock(mutex_);
  if (state_.format == format) return;
  state_.format = std::move(format);
  ++state_.format_version;
}

bool Feed::take(RingReader& reader, const FrameView& view) {
  missed_total_.add(view.missed);
  const std::int64_t capture_ns = view.info.capture_ns;
  if (!reader.copy(view, frame_)) {  // overwritten meanwhile: what depends on it is of no use
    missed_total_.add();
    await_keyframe_ = true;
    request_keyframe();
    return true;
  }
  if (await_keyframe_ && !view.info.keyframe()) {
    request_keyframe();
    return false;
  }
  auto block = std::make_shared<rtp::PacketBlock>();
  if (!packetizer_->packetize(frame_, view.info.keyframe(), rtp_time(capture_ns), *block)) {
    unfit_total_.add();
    const std::lock_guard lock(mutex_);
    ++state_.unfit;
    if (format_.codec == Codec::mjpeg && state_.frames == 0) {
      state_.reason =
          "its pictures are no JPEG that RTP can carry (baseline 4:2:0 or 4:2:2 with the usual Huffman "
          "tables)";
    }
    return false;
  }
  await_keyframe_ = false;
  block->capture_ns = capture_ns;
  block->available_ns = view.info.publish_ns;
  if (!std::ranges::equal(packetizer_->extradata(), announced_)) publish_format();
  frames_total_.add();
  {
    const std::lock_guard lock(mutex_);
    if (capture_ns > last_capture_ns_ && last_capture_ns_ != 0) {
      const std::int64_t period =
          (capture_ns - last_capture_ns_) / static_cast<std::int64_t>(view.missed + 1);
      const std::int64_t known = state_.period_ns;
      state_.period_ns = known == 0 || period > 4 * known ? period : (known * 9 + period) / 10;
    }
    ++state_.frames;
    state_.missed = reader.missed();
    state_.capture_ns = capture_ns;
    state_.writer = WriterState::live;
    state_.reason.clear();
    state_.wall_offset_ns = reader.wall_offset_ns();
  }
  last_capture_ns_ = capture_ns;
  source_up_.set(view.info.placeholder() ? 0 : 1);
  if (fault_.reported()) fault_.clear("ring " + ring_ + " gives frames");
  arrived_(std::move(block));
  return true;
}

void Feed::silent(RingReader* reader, const Silence& silence) {
  std::string reason = silence.reason;
  {
    const std::lock_guard lock(mutex_);
    if (reader != nullptr) state_.writer = silence.writer;
    if (reason.empty()) return;
    // What was said of pictures that don't fit says more.
    if (reader == nullptr || state_.unfit == 0 || state_.frames != 0) state_.reason = reason;
    reason = state_.reason;
  }
  source_up_.set(0);
  fault_.report(reader != nullptr ? "ring " + ring_ + ": " + reason : reason);
}

}  // namespace camring::rtspserve
