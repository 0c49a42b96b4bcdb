#include "sides.h"

#include "base/clock.h"
#include "limit.h"
#include "ring/ring_writer.h"
#include "support/pace.h"

namespace bench {
namespace {

constexpr std::string_view kPlace = "rtsp://127.0.0.1:";

// The camera: a ring of that name, a frame each 33 ms.
void write_ring(const Clip& clip) {
  camring::RingSpec spec;
  spec.name = "bench";
  spec.format = camring::coded_format(camring::Codec::h264, {1920, 1080}, {kFps, 1});
  spec.format.extradata = clip.extradata;
  camring::RingWriter writer(spec);
  std::vector<ClipUnit> units = clip.units;
  std::int64_t due = camring::monotonic_ns();
  for (std::size_t next = 0;; next = (next + 1) % units.size()) {
    sleep_until(due += kFrameNs);
    ClipUnit& unit = units[next];
    camring::CommitInfo info;
    info.flags = unit.keyframe ? camring::frame_flag::keyframe : 0;
    info.capture_ns = camring::monotonic_ns();
    write_clock(unit.bytes.data() + unit.clock_at, info.capture_ns);
    writer.publish(unit.bytes, info);
    writer.beat_loop();
    writer.beat_capture();
  }
}

class LimitSide : public Side {
 public:
  explicit LimitSide(const Clip& clip) : clip_(clip) {}
  [[nodiscard]] std::string name() const override { return "limit"; }
  [[nodiscard]] Server start(bool udp) const override {
    const camring::UniqueFd log = make_log();
    Server server;
    server.process = Child::run([&] { serve_at_the_limit(clip_, udp, log.get()); });
    server.port = port_in(log, kPlace);
    return server;
  }

 private:
  const Clip& clip_;
};

class RtspserveSide : public Side {
 public:
  RtspserveSide(const Clip& clip, std::string program) : clip_(clip), program_(std::move(program)) {}
  [[nodiscard]] std::string name() const override { return "rtspserve"; }
  [[nodiscard]] Server start(bool) const override {
    const camring::UniqueFd log = make_log();
    Server server;
    server.feeder = Child::run([&] { write_ring(clip_); });
    sleep_until(camring::monotonic_ns() + 300'000'000);
    server.process = Child::execute({program_, "bench", "--listen", "127.0.0.1:0", "--max-clients", "1000",
                                     "--max-clients-per-address", "1000", "--kick-after", "1h"},
                                    log.get());
    server.port = port_in(log, kPlace);
    sleep_until(camring::monotonic_ns() + 1'200'000'000);  // a keyframe comes each second
    return server;
  }

 private:
  const Clip& clip_;
  std::string program_;
};

class GstreamerSide : public Side {
 public:
  GstreamerSide(std::string program, std::string clip_path)
      : program_(std::move(program)), clip_path_(std::move(clip_path)) {}
  [[nodiscard]] std::string name() const override { return "gst-rtsp-server"; }
  [[nodiscard]] Server start(bool) const override {
    const camring::UniqueFd log = make_log();
    Server server;
    server.process = Child::execute({program_, clip_path_}, log.get());
    server.port = port_in(log, kPlace);
    return server;
  }

 private:
  std::string program_, clip_path_;
};

}  // namespace

std::unique_ptr<Side> make_limit_side(const Clip& clip) { return std::make_unique<LimitSide>(clip); }
std::unique_ptr<Side> make_rtspserve_side(const Clip& clip, const std::string& program) {
  return std::make_unique<RtspserveSide>(clip, program);
}
std::unique_ptr<Side> make_gstreamer_side(const std::string& program, const std::string& clip_path) {
  return std::make_unique<GstreamerSide>(program, clip_path);
}

}  // namespace bench
