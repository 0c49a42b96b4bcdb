#include "camcap.h"

#include "app/options.h"
#include "capture.h"
#include "listing.h"
#include "ring/ring_name.h"
#include "source.h"

namespace camring::camcap {
namespace {

constexpr app::ToolInfo kInfo{
    "camcap", "captures one camera, file or stream into a shared-memory ring",
    "  camcap /dev/video0 cam0 --format MJPEG --size 1280x720 --fps 30\n"
    "  camcap file:street.avi cam0 --loop\n"
    "  camcap rtsp://user@host/stream cam0 --credentials /etc/camring/cam0.credentials\n"
    "  camcap test: cam0 --size 1280x720 --fps 30\n"
    "  ffmpeg -i street.avi -f yuv4mpegpipe - | camcap - cam0\n"
    "  camcap --list-devices"};

[[noreturn]] void misuse(const std::string& option, const std::string& reason, const std::string& advice) {
  throw Error(ExitCode::usage, "read options", option, reason, advice);
}

RingSpec ring_spec(const Options& options, const SourceSpec& source) {
  RingSpec spec;
  spec.name = options.ring;
  spec.frames = options.frames;
  spec.mode = options.access.mode;
  spec.group = options.access.group;
  spec.writer = "camcap " CAMRING_VERSION;
  spec.source = source.name;
  return spec;
}

}  // namespace

const app::ToolInfo& Camcap::info() const { return kInfo; }

void Camcap::options(CLI::App& cli) {
  cli.add_option("source,--source", options_.source,
                 "/dev/videoN, file:PATH, rtsp://, http://, test:, or - for y4m, MJPEG or H.264 on stdin")
      ->type_name("SOURCE");
  cli.add_option("ring,--ring", options_.ring, "The ring to write")->type_name("RING");
  cli.add_option("--format", options_.format,
                 "MJPEG, H264, HEVC, YUYV, NV12, YU12 ...: of the camera, the pattern or the decoder")
      ->type_name("FORMAT");
  app::add_size(cli, "--size", options_.size, "Size of the camera's or the pattern's picture");
  app::add_rate(cli, "--fps", options_.fps, "Rate of the camera or the pattern");
  app::add_int(cli, "--count", options_.count, 1, INT64_MAX, "Stop after N frames");
  app::add_int(cli, "--frames", options_.frames, 2, 65536, "Frames that the ring holds at least");
  app::add_ring_access(cli, options_.access);
  cli.add_flag("--loop", options_.loop, "Begin a file again at its end");
  cli.add_flag("--fast", options_.fast, "Don't wait between the frames of a file or the pattern");
  cli.add_flag("--decode", options_.decode, "Decode also what could pass through");
  cli.add_option("--rtsp-transport", options_.rtsp_transport, "How RTSP brings frames: tcp or udp [tcp]")
      ->type_name("TRANSPORT");
  cli.add_option("--credentials", options_.credentials, "Take user:password of a stream from this file")
      ->type_name("FILE");
  app::add_duration(cli, "--timeout", options_.timeout,
                    "Connect again when a stream is silent for so long [5s]");
  cli.add_flag("--exit-on-device-error", options_.exit_on_device_error,
               "End with code 75 when a stream is lost instead of connecting again");
  cli.add_flag("--list-devices", list_devices_, "List the cameras of this machine, then exit");
  cli.add_option("--list-formats", list_formats_, "List what a camera offers, then exit")
      ->type_name("DEVICE");
  cli.add_flag("--json", json_, "List as JSON, one object a line");
}

void Camcap::check() {
  if (list_devices_ || !list_formats_.empty()) return;
  if (json_) misuse("--json", "there is nothing to list", "add --list-devices or --list-formats DEVICE");
  if (options_.source.empty()) misuse("SOURCE", "missing", "write e.g. camcap /dev/video0 cam0");
  if (options_.ring.empty())
    misuse("RING", "missing", "name the ring, e.g. camcap " + options_.source + " cam0");
  check_ring_name(options_.ring);
  (void)options_.codec();
  if (options_.rtsp_transport != "tcp" && options_.rtsp_transport != "udp") {
    misuse("--rtsp-transport", "'" + options_.rtsp_transport + "' is no transport", "write tcp or udp");
  }
  if (options_.timeout <= std::chrono::nanoseconds::zero()) misuse("--timeout", "must be above 0", "e.g. 5s");
  check_source();
}

void Camcap::check_source() {
  source_ = parse_source(options_.source);
  const SourceKind kind = source_.kind;
  const bool made = kind == SourceKind::v4l2 || kind == SourceKind::test;
  if ((options_.size || options_.fps) && !made) {
    misuse(options_.size ? "--size" : "--fps",
           "a " + std::string(kind == SourceKind::network ? "stream" : "file") + " has its own",
           "change it behind camcap: shmpub " + options_.ring + " --out …");
  }
  if (options_.loop && kind != SourceKind::file)
    misuse("--loop", "only files can begin again", "use file:PATH");
  if (options_.fast && kind != SourceKind::file && kind != SourceKind::test) {
    misuse("--fast", "the source sets the pace itself", "it is for file: and test:");
  }
  if (options_.decode && made) misuse("--decode", "the source is not decoded here", "leave it out");
  if (!options_.credentials.empty() && kind != SourceKind::network) {
    misuse("--credentials", "the source asks for none", "it is for rtsp:// and http://");
  }
  if (!options_.format.empty() && !made && options_.pixel_format() == PixelFormat::none) {
    misuse("--format", "the source has its own coding",
           "name a pixel format, and it is decoded to that, e.g. NV12");
  }
}

ExitCode Camcap::run(app::Context& context) {
  if (list_devices_) return list_devices(json_);
  if (!list_formats_.empty()) return list_formats(list_formats_, json_);
  const auto source = make_source(source_, options_);
  Output output(ring_spec(options_, source_), options_.count, context.metrics, context.notify);
  return capture(*source, output, context);
}

}  // namespace camring::camcap
