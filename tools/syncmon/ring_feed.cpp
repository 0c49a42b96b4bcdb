#include "ring_feed.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "base/error.h"
#include "sync/picture.h"

namespace camring::syncmon {
namespace {

constexpr std::int64_t kPauseNs = 250'000'000, kPausePeriods = 3;

}  // namespace

RingFeed::RingFeed(std::string name, bool content)
    : name_(std::move(name)),
      content_(content),
      reader_(name_, {.start = ReadStart::oldest, .connect = true, .label = "syncmon"}),
      connected_ns_(monotonic_ns()) {}

void RingFeed::check_format() const {
  const FrameFormat& format = reader_.format();
  if (!content_ || format.codec == Codec::none || format.codec == Codec::raw) return;
  throw Error(
      ExitCode::data, "compare pictures", name_, "the ring holds " + describe(format) + ", no raw pictures",
      "make some of it: shmpub " + name_ + " --out " + name_ + ".raw:raw,320x240 ; or leave --content out");
}

bool RingFeed::next(std::chrono::nanoseconds timeout) {
  check_format();
  switch (reader_.next(view_, timeout)) {
    case ReadStatus::frame:
      return look();
    case ReadStatus::moved:
    case ReadStatus::corrupt:
      gap_ = true;
      check_format();
      return false;
    case ReadStatus::timeout:
      break;
  }
  return false;
}

// Channels that are made on demand stop while nobody reads: what they did not show then is not missing. From
// here on somebody does.
bool RingFeed::paused(const FrameInfo& info) {
  const std::int64_t before = std::exchange(published_ns_, info.publish_ns);
  if (before == 0) return false;
  if (info.publish_ns > connected_ns_) return before <= connected_ns_;
  return info.publish_ns - before >
         std::max(kPauseNs, kPausePeriods * reader_.format().rate.period().count());
}

bool RingFeed::look() {
  const FrameInfo& info = view_.info;
  sighting_ = {};
  sighting_.moment.source_number = info.source_number;
  // A writer in another language may have left it out.
  sighting_.moment.timeline_ns = info.source_capture_ns != 0 ? info.source_capture_ns : info.capture_ns;
  sighting_.moment.published_ns = info.publish_ns;
  sighting_.moment.generation = reader_.epoch();
  sighting_.moment.gap_before = std::exchange(gap_, false) || paused(info) || view_.missed > 0;
  sighting_.capture_ns = info.capture_ns;
  sighting_.period_ns = reader_.format().rate.period().count();
  sighting_.inferred = (info.flags & frame_flag::inferred) != 0;
  // A placeholder shows no moment at all.
  if (info.placeholder()) return false;
  if (!content_) return true;
  const sync::LumaPlane plane = sync::luma_plane(reader_.format(), view_.payload);
  sighting_.code = sync::code_in(plane);
  sighting_.luma = sync::mean_luma(plane);
  if (reader_.still_valid(view_)) return true;
  gap_ = true;
  return false;
}

}  // namespace camring::syncmon
