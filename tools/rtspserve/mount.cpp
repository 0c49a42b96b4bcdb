#include "mount.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "connection.h"

namespace camring::rtspserve {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kPiecePackets = 20;  // of a long access unit, sent at once over UDP
constexpr auto kCatchUpEvery = 1ms;        // between pieces for who catches up
constexpr auto kPollEvery = 10ms;          // while somebody waits for the format
constexpr std::size_t kMaxWaiting = 256;   // blocks on their way into a loop that stalls
constexpr std::uint64_t kNextKeyframe = UINT64_MAX;
constexpr std::int64_t kKeepNs = 1'000'000'000;

void remove(std::vector<Session*>& from, Session* session) {
  from.erase(std::remove(from.begin(), from.end(), session), from.end());
}

}  // namespace

Mount::Mount(std::string name, const std::string& ring, MountOptions options, net::Loop& loop, UdpSender& udp,
             app::Metrics& metrics)
    : bytes_sent(
          metrics.counter("bytes_sent_total", "Bytes of streams handed to the network.", {{"ring", ring}})),
      frames_sent(metrics.counter("frames_sent_total", "Frames handed to the network, once for each client.",
                                  {{"ring", ring}})),
      skipped(metrics.counter("client_frames_skipped_total", "Frames that slow clients did not get.",
                              {{"ring", ring}})),
      clients(metrics.gauge("clients", "Clients that play now.", {{"ring", ring}})),
      age(metrics.histogram("frame_age_seconds", "Age of a frame, capture to delivery to the network.",
                            {{"ring", ring}})),
      name_(std::move(name)),
      options_(options),
      loop_(loop),
      udp_(udp),
      store_(std::max(options.max_lag, std::chrono::nanoseconds(kKeepNs))),
      pace_(loop.context()),
      poll_(loop.context()),
      inbox_(loop, [this](const std::vector<std::shared_ptr<rtp::PacketBlock>>& blocks, bool lost) {
        if (lost) feed_->request_keyframe();
        for (const auto& block : blocks) arrived(block);
      }) {
  feed_ =
      std::make_unique<Feed>(ring, options_.feed, metrics,
                             [this](std::shared_ptr<rtp::PacketBlock> block) { bring(std::move(block)); });
}

Mount::~Mount() {
  feed_.reset();
  self_.reset();
}

// In the feed's thread.
void Mount::bring(std::shared_ptr<rtp::PacketBlock> block) {
  if (!block) {
    inbox_.push(nullptr);
    return;
  }
  // A loop that stalls shall not fill the memory; it goes on with a keyframe.
  if (dropping_ && !block->keyframe) return;
  dropping_ = !inbox_.push(std::move(block), kMaxWaiting);
}

bool Mount::fresh(std::int64_t now_ns) const {
  const rtp::BlockPtr* newest = store_.newest();
  return newest != nullptr && now_ns - (*newest)->available_ns <
                                  std::max<std::int64_t>(1'000'000'000, 3 * feed_->state().period_ns);
}

const rtp::BlockPtr* Mount::play(Session& session) {
  const std::int64_t now = monotonic_ns();
  // Who begins again has had the group once: pause and play shall not multiply what is sent.
  const bool again = session.packets != 0;
  const bool cached =
      options_.start == Start::cached && !again && fresh(now) && store_.keyframe() != store_.next();
  pause(session);
  session.playing = true;
  session.report_due_ns = 0;
  if (!cached && options_.start != Start::live) feed_->request_keyframe();
  const rtp::BlockPtr* first = cached ? store_.find(store_.keyframe()) : nullptr;
  if (session.kind == Session::Kind::tcp) {
    cached ? session.cursor.start_cached(now) : session.cursor.start_live(now);
    tcp_.push_back(&session);
  } else {
    session.at_block = cached ? store_.keyframe() : kNextKeyframe;
    session.at_run = 0;
    catching_.push_back(&session);
    loop_.post([self = std::weak_ptr(self_)] {  // after the answer to PLAY
      if (const auto mount = self.lock()) (*mount)->send_udp();
    });
  }
  feed_->set_viewers(viewers());
  clients.set(static_cast<double>(viewers()));
  return first;
}

void Mount::pause(Session& session) {
  session.playing = false;
  remove(tcp_, &session);
  remove(live_, &session);
  remove(catching_, &session);
  feed_->set_viewers(viewers());
  clients.set(static_cast<double>(viewers()));
}

void Mount::arrived(const std::shared_ptr<rtp::PacketBlock>& block) {
  if (!block) {
    store_.clear();
    at_block_ = store_.next();
    at_run_ = 0;
    if (on_other_stream) on_other_stream(*this);
    return;
  }
  const std::int64_t now = monotonic_ns();
  store_.push(block, now);
  const rtp::BlockPtr newest = block;
  if (block->keyframe) {
    for (Session* session : catching_) {
      if (session->at_block == kNextKeyframe) session->at_block = block->sequence;
    }
  }
  std::uint64_t passed = 0;
  // From the end: what is pumped may end itself, and with it sessions of the same connection.
  for (std::size_t i = tcp_.size(); i-- > 0;) {
    if (i < tcp_.size() && tcp_[i]->connection->pass_on(*tcp_[i], newest, now)) ++passed;
  }
  if (passed != 0) {
    frames_sent.add(passed);
    bytes_sent.add(passed * block->bytes.size());
    age.observe(static_cast<double>(now - block->capture_ns) * 1e-9, passed);
  }
  send_udp();
  if (!waiting_.empty()) answer_waiting();
}

void Mount::send_piece(std::uint64_t sequence, std::size_t& run, const std::vector<Session*>& sessions) {
  const rtp::BlockPtr* found = store_.find(sequence);
  const rtp::PacketBlock& block = **found;
  const std::size_t first = run;
  std::size_t packets = 0;
  while (run < block.runs.size() && (run == first || packets + block.runs[run].count <= kPiecePackets)) {
    packets += block.runs[run++].count;
  }
  const std::uint32_t begin = block.runs[first].first;
  std::uint64_t bytes = 0;
  for (std::size_t i = begin; i < begin + packets; ++i) bytes += block.packets[i].size;
  paths_.clear();
  for (Session* session : sessions) {
    session->count(packets, bytes);
    if (!session->srtp) {
      paths_.push_back(session->rtp_path());
      continue;
    }
    for (std::size_t i = begin; i < begin + packets; ++i) {
      udp_.send_one(session->srtp->protect(block.packet(i), false), session->rtp_path(), false);
    }
  }
  const UdpSender::Sent sent = udp_.send(block, first, run, paths_);
  bytes_sent.add(sent.bytes);
  if (sent.refused != 0) skipped.add(sent.refused);
  if (run == block.runs.size()) {
    frames_sent.add(sessions.size());
    const double seconds = static_cast<double>(monotonic_ns() - block.capture_ns) * 1e-9;
    age.observe(seconds, sessions.size());
  }
}

void Mount::join_live() {
  for (std::size_t i = 0; i < catching_.size();) {
    Session* session = catching_[i];
    if (session->at_block == at_block_ && session->at_run == at_run_) {
      live_.push_back(session);
      catching_.erase(catching_.begin() + static_cast<std::ptrdiff_t>(i));
    } else {
      ++i;
    }
  }
}

void Mount::send_udp() {
  if (!pacing_) step_udp();
}

// One piece for all that are at the common place, one for each that catches up; the rest by the timer.
void Mount::step_udp() {
  if (at_block_ < store_.first() && !live_.empty()) {  // what they were at is gone: each begins anew
    for (Session* session : live_) session->at_block = 0;
    catching_.insert(catching_.end(), live_.begin(), live_.end());
    live_.clear();
  }
  if (live_.empty()) {
    at_block_ = store_.next();
    at_run_ = 0;
  }
  join_live();
  if (live_.empty() && catching_.empty()) return;
  const auto advance = [this](std::uint64_t& block, std::size_t& run) {
    if (const rtp::BlockPtr* at = store_.find(block); at != nullptr && run == (*at)->runs.size()) {
      ++block;
      run = 0;
    }
  };
  std::chrono::nanoseconds pause = 0ns;
  if (!live_.empty() && store_.find(at_block_) != nullptr) {
    const std::size_t runs = (*store_.find(at_block_))->runs.size();
    send_piece(at_block_, at_run_, live_);
    advance(at_block_, at_run_);
    // A long access unit is spread over at most half the time to the next.
    if (store_.find(at_block_) != nullptr) {
      const std::int64_t period = feed_->state().period_ns;
      pause = std::chrono::nanoseconds(std::clamp<std::int64_t>(
          period / 2 / static_cast<std::int64_t>(std::max<std::size_t>(runs, 1)), 100'000, 4'000'000));
    }
  }
  bool catching = false;
  std::vector<Session*> one(1);
  for (Session* session : catching_) {
    if (session->at_block == kNextKeyframe) continue;
    if (session->at_block < store_.first()) {
      const bool none = store_.keyframe() == store_.next();
      if (none) feed_->request_keyframe();
      session->at_block = none ? kNextKeyframe : store_.keyframe();
      session->at_run = 0;
      continue;
    }
    if (store_.find(session->at_block) == nullptr) continue;
    one[0] = session;
    send_piece(session->at_block, session->at_run, one);
    advance(session->at_block, session->at_run);
    catching = catching || store_.find(session->at_block) != nullptr;
  }
  join_live();
  if (catching)
    pause = pause == 0ns ? std::chrono::nanoseconds(kCatchUpEvery)
                         : std::min(pause, std::chrono::nanoseconds(kCatchUpEvery));
  if (pause == 0ns) return;
  pacing_ = true;
  pace_.expires_after(pause);
  pace_.async_wait(loop_.in_turn([this, self = std::weak_ptr(self_)](boost::system::error_code error) {
    if (error || self.expired()) return;
    pacing_ = false;
    step_udp();
  }));
}

void Mount::when_known(std::chrono::nanoseconds patience, std::function<void(bool)> callback) {
  feed_->want();
  if (feed_->state().format.codec != Codec::none) return callback(true);
  waiting_.push_back({monotonic_ns() + patience.count(), std::move(callback)});
  if (waiting_.size() == 1) answer_waiting();
}

void Mount::answer_waiting() {
  const std::int64_t now = monotonic_ns();
  const bool known = feed_->state().format.codec != Codec::none;
  std::vector<Waiting> ripe;
  for (std::size_t i = 0; i < waiting_.size();) {
    if (!known && now < waiting_[i].until_ns) {
      ++i;
      continue;
    }
    ripe.push_back(std::move(waiting_[i]));
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(i));
  }
  for (const Waiting& one : ripe) one.callback(known);
  if (waiting_.empty()) return;
  poll_.expires_after(kPollEvery);
  poll_.async_wait(loop_.in_turn([this, self = std::weak_ptr(self_)](boost::system::error_code error) {
    if (!error && !self.expired()) answer_waiting();
  }));
}

}  // namespace camring::rtspserve
