#include "v4l2_source.h"

#include <poll.h>

#include <cstring>
#include <set>
#include <utility>

#include "av/image.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/stream_copy.h"

namespace camring::camcap {
namespace {

constexpr int kPollMs = 100;
constexpr int kMostFaults = 5;  // without a good frame between them
constexpr std::int64_t kSilence = 5'000'000'000;

// Bytes of a raw frame that must be there: drivers may leave out the padding behind the last row.
std::size_t least_bytes(const FrameFormat& format, std::size_t plane) {
  const auto extents = av::plane_extents(format.pixel_format, format.size);
  const Plane& last = format.planes[plane];
  return last.rows == 0 ? 0 : std::size_t{last.stride_bytes} * (last.rows - 1) + extents[plane].row_bytes;
}

}  // namespace

V4l2Source::V4l2Source(std::string device, const Options& options) : device_(std::move(device)) {
  wish_.codec = options.codec();
  wish_.pixel_format = options.pixel_format();
  wish_.size = options.size;
  wish_.rate = options.fps;
}

V4l2Mode V4l2Source::choose(const V4l2Device& device) const {
  const auto modes = device.modes(wish_.size);
  if (const auto mode = choose_mode(modes, wish_)) return *mode;
  std::set<std::string> names;
  for (const V4l2Mode& mode : modes) names.insert(fourcc_text(mode.fourcc));
  std::string offered;
  for (const std::string& name : names) offered += (offered.empty() ? "" : ", ") + name;
  throw Error(ExitCode::data, "choose format", device_,
              "the camera offers " + (offered.empty() ? "no format at all" : offered),
              wish_.codec == Codec::none ? "camcap takes none of them" : "choose --format from these");
}

void V4l2Source::run(Output& output, const app::Stop& stop) {
  V4l2Device device(device_);
  const V4l2Settings settings = device.set(choose(device));
  const auto kind = ring_format(settings.fourcc);
  if (!kind || (wish_.codec != Codec::none && kind->codec != wish_.codec)) {
    throw Error(ExitCode::data, "set format", device_,
                "the driver insists on " + fourcc_text(settings.fourcc),
                "'camcap --list-formats " + device_ + "' shows what it offers");
  }
  if (wish_.size && settings.size != *wish_.size) {
    app::log_warning("set size: " + device_ + ": the camera gives " + to_string(settings.size) +
                     " instead of " + to_string(*wish_.size));
  }
  if (wish_.rate && settings.rate.fps() < wish_.rate->fps() - 0.5) {
    app::log_warning("set rate: " + device_ + ": the camera gives " + to_string(settings.rate) +
                     " frames a second instead of " + to_string(*wish_.rate));
  }
  format_ = frame_format(settings, *kind);
  const bool raw = kind->codec == Codec::raw;
  if (!raw) feed_.emplace(output, kind->codec, settings.size, settings.rate);
  while (!stop.requested() && !output.done()) {
    device.start();
    if (raw) output.configure(format_);  // only now: a ring that no frame can reach would be announced
    output.source_up(true);
    last_frame_ns_ = monotonic_ns();
    while (!stop.requested() && !output.done() && wait_and_take(device, output, stop) == Step::more) {
    }
    device.stop();
    if (stop.requested() || output.done()) return;
    last_sequence_.reset();
    if (feed_) feed_->restart();
    output.reconnecting("stream");
    broken_.report("capture: " + device_ + ": the stream broke; starting it again");
    if (++faults_ >= kMostFaults) {
      throw Error(ExitCode::temporary, "capture", device_, "its stream breaks again and again",
                  "look at the cable, the hub and 'dmesg'");
    }
    if (stop.wait_for(std::chrono::milliseconds(100 * faults_))) return;
  }
}

V4l2Source::Step V4l2Source::wait_and_take(V4l2Device& device, Output& output, const app::Stop& stop) {
  std::array<pollfd, 2> waiting{{{device.fd(), POLLIN, 0}, {stop.fd(), POLLIN, 0}}};
  const int ready = ::poll(waiting.data(), waiting.size(), kPollMs);
  output.beat();
  if (ready <= 0 || waiting[0].revents == 0) {
    if (!silent_ && monotonic_ns() - last_frame_ns_ > kSilence) {
      silent_ = true;
      app::log_warning("capture: " + device_ +
                       ": no frame for 5 s; look at the cable and the camera's power");
    }
    return Step::more;
  }
  V4l2Buffer buffer;
  switch (device.dequeue(buffer)) {
    case V4l2Dequeue::frame:
      break;
    case V4l2Dequeue::none:
      // POLLERR without anything to dequeue would spin: no buffer is queued, so the stream is dead.
      return (waiting[0].revents & (POLLERR | POLLHUP)) != 0 ? Step::fault : Step::more;
    case V4l2Dequeue::fault:
      return Step::fault;
    case V4l2Dequeue::gone:
      throw Error(ExitCode::temporary, "capture", device_, "the device is gone",
                  "plug it in again; under systemd camcap@.service comes back with it");
  }
  take(buffer, output);
  return device.requeue(buffer) ? Step::more : Step::fault;
}

FrameTiming V4l2Source::timing(const V4l2Buffer& buffer) const noexcept {
  const std::int64_t now = monotonic_ns();
  // Some cameras' own clocks run astray: a time in the future or long ago is none.
  const bool sane =
      buffer.monotonic_ns && *buffer.monotonic_ns <= now && *buffer.monotonic_ns > now - 10'000'000'000;
  return sane ? FrameTiming{*buffer.monotonic_ns, 0} : FrameTiming{now, frame_flag::inferred};
}

void V4l2Source::take(const V4l2Buffer& buffer, Output& output) {
  if (last_sequence_) {
    const std::uint32_t gap = buffer.sequence - *last_sequence_ - 1;
    if (gap != 0 && gap < 0x80000000u) output.dropped(Drop::driver, gap);
  }
  last_sequence_ = buffer.sequence;
  const std::int64_t waited = monotonic_ns() - last_frame_ns_;
  last_frame_ns_ += waited;
  if (std::exchange(silent_, false)) {
    app::log_info("capture: " + device_ + ": frames come again, after " +
                  std::to_string(waited / 1'000'000'000) + " s");
  }
  if (buffer.damaged || buffer.planes[0].empty()) return output.dropped(Drop::corrupt);
  faults_ = 0;
  broken_.clear("capture: " + device_ + ": frames come again");
  if (feed_) return feed_->put(buffer.planes[0], timing(buffer));
  take_raw(buffer, timing(buffer), output);
}

void V4l2Source::take_raw(const V4l2Buffer& buffer, const FrameTiming& when, Output& output) {
  // One memory plane holds all colour planes in a row, or each has its own.
  const bool apart = buffer.plane_count > 1;
  for (std::size_t i = 0; i < buffer.plane_count; ++i) {
    const std::size_t last = apart ? i : format_.plane_count - 1;
    const std::size_t needed = least_bytes(format_, last) + (apart ? 0 : format_.planes[last].offset_bytes);
    if (last >= format_.plane_count || buffer.planes[i].size() < needed) return output.dropped(Drop::corrupt);
  }
  Claim claim = output.claim();
  if (!claim) return output.dropped(Drop::too_large);
  for (std::size_t i = 0; i < buffer.plane_count; ++i) {
    const Plane& plane = format_.planes[apart ? i : 0];
    const std::size_t most = apart ? std::size_t{plane.stride_bytes} * plane.rows : format_.raw_bytes();
    stream_copy(claim.data().data() + plane.offset_bytes, buffer.planes[i].data(),
                std::min(most, buffer.planes[i].size()));
  }
  output.commit(std::move(claim), {when.capture_ns, when.flags | frame_flag::keyframe});
}

}  // namespace camring::camcap
