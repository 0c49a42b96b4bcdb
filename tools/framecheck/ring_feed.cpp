#include "ring_feed.h"

#include <algorithm>

#include "base/clock.h"
#include "base/error.h"

namespace camring::framecheck {
namespace {

constexpr std::int64_t kRateWindowNs = 3'000'000'000;
constexpr std::size_t kRateFrames = 4;
constexpr std::size_t kMostSeen = 4096;  // of a writer whose times stand still

RingReader open(const std::string& name) {
  return RingReader(name, {.start = ReadStart::oldest, .connect = true, .label = "framecheck"});
}

}  // namespace

RingFeed::RingFeed(std::string name)
    : name_(std::move(name)), reader_(open(name_)), began_ns_(monotonic_ns()) {}

void RingFeed::note(const FrameInfo& info) {
  // A restarted writer counts on or anew, clocks may jump: either way what was seen says nothing of now.
  if (!seen_.empty() && (info.number <= seen_.back().number || info.capture_ns < seen_.back().capture_ns ||
                         (info.flags & frame_flag::discontinuity) != 0))
    seen_.clear();
  seen_.push_back({info.number, info.capture_ns});
  // A clock that is ahead would keep the frame young for as long as it is.
  newest_ns_ = std::min(info.capture_ns, info.publish_ns);
  // A camera that is too slow is to be known as such: so few frames say so, however long they took.
  while (seen_.size() > kMostSeen ||
         (seen_.size() > kRateFrames && info.capture_ns - seen_.front().capture_ns > kRateWindowNs))
    seen_.pop_front();
}

void RingFeed::rewind(std::size_t count) {
  std::uint64_t there = 0;
  for (;;) {
    const ReadStatus status = reader_.next(view_, std::chrono::nanoseconds(0));
    if (status == ReadStatus::moved) continue;
    if (status != ReadStatus::frame) break;
    note(view_.info);
    ++there;
  }
  if (there == 0) return;
  const auto seen = seen_;
  reader_ = open(name_);
  for (std::uint64_t skip = there > count ? there - count : 0; skip > 0; --skip) {
    if (reader_.next(view_, std::chrono::nanoseconds(0)) != ReadStatus::frame) break;
  }
  seen_ = seen;
}

RingFeed::Got RingFeed::decode() {
  decoded_in_use_ = false;
  const FrameFormat& format = reader_.format();
  if (format.codec == Codec::raw) {
    picture_ = av::view_of(format, view_.payload);
    return picture_ ? Got::picture : Got::unreadable;
  }
  if (format.codec != Codec::mjpeg) {
    throw Error(ExitCode::data, "check ring", name_, "it holds " + describe(format) + ", no single pictures",
                "check its source, or make pictures of it: shmpub " + name_ + " --out " + name_ + ".raw:raw");
  }
  if (!reader_.copy(view_, bytes_) || !av::usable(jpeg_.decode(bytes_, {}, decoded_))) return Got::unreadable;
  picture_ = decoded_.view();
  decoded_in_use_ = true;
  return Got::picture;
}

RingFeed::Got RingFeed::next(std::chrono::nanoseconds timeout, bool newest) {
  switch (newest ? reader_.newest(view_, timeout) : reader_.next(view_, timeout)) {
    case ReadStatus::frame:
      break;
    case ReadStatus::moved:
      seen_.clear();
      return Got::moved;
    case ReadStatus::corrupt:
      return Got::unreadable;
    case ReadStatus::timeout:
      return Got::nothing;
  }
  if (seen_.empty() || view_.info.number > seen_.back().number ||
      view_.info.capture_ns > seen_.back().capture_ns)
    note(view_.info);
  return decode();
}

std::optional<double> RingFeed::fps() const {
  if (seen_.size() < kRateFrames || seen_.back().capture_ns <= seen_.front().capture_ns) return {};
  if (seen_.back().capture_ns - seen_.front().capture_ns > kRateWindowNs) return rate_of_steps();
  return static_cast<double>(seen_.back().number - seen_.front().number) * 1e9 /
         static_cast<double>(seen_.back().capture_ns - seen_.front().capture_ns);
}

// The median from frame to frame: a pause that is over is no rate.
std::optional<double> RingFeed::rate_of_steps() const {
  std::vector<double> rates;
  for (auto at = seen_.begin() + 1; at != seen_.end(); ++at) {
    const std::int64_t step = at->capture_ns - (at - 1)->capture_ns;
    if (step > 0)
      rates.push_back(static_cast<double>(at->number - (at - 1)->number) * 1e9 / static_cast<double>(step));
  }
  const auto middle = rates.begin() + static_cast<std::ptrdiff_t>(rates.size() / 2);
  std::nth_element(rates.begin(), middle, rates.end());
  return *middle;
}

void RingFeed::add_state(Values& values) const {
  values[Metric::fps] = fps();
  values[Metric::age].reset();
  if (!newest_ns_ && !reader_.attached()) return;
  const std::int64_t age = monotonic_ns() - newest_ns_.value_or(began_ns_);
  values[Metric::age] = static_cast<double>(std::max<std::int64_t>(0, age)) * 1e-9;
}

bool RingFeed::older_than(std::chrono::nanoseconds age) const {
  return monotonic_ns() - std::min(view_.info.capture_ns, view_.info.publish_ns) > age.count();
}

void RingFeed::judge_writer(Verdict& verdict) const {
  const WriterState state = reader_.writer_state();
  const std::string trouble(trouble_of(state));
  if (!trouble.empty())
    verdict.add(State::critical, state == WriterState::no_signal ? "signal" : "ring", trouble);
  else if (state == WriterState::starting && !newest_ns_)
    verdict.add(State::critical, "ring", "the ring has had no frame yet");
}

}  // namespace camring::framecheck
