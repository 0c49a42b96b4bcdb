#include "shmpub.h"

#include <unistd.h>

#include <cstdio>

#include "app/options.h"
#include "app/ring_access.h"
#include "av/video_encoder.h"
#include "pipe_source.h"
#include "pipeline.h"
#include "publisher.h"
#include "ring/ring_name.h"
#include "ring_source.h"

namespace camring::shmpub {
namespace {

constexpr app::ToolInfo kInfo{
    "shmpub", "publishes rings derived from another: size, rate, pixel format, codec",
    "  shmpub cam0 --out cam0.mjpeg:mjpeg,1280x720@15,q80\n"
    "  shmpub cam0 --out cam0.high:h264,1920x1080@30,4M --out cam0.small:raw,gray8,640x360@5\n"
    "  ffmpeg -i street.avi -f yuv4mpegpipe - | shmpub - --out cam1:raw"};

constexpr std::chrono::milliseconds kShortestGop{10};

ExitCode list_encoders() {
  for (const av::EncoderTrial& trial : av::try_encoders()) {
    std::printf("%-5s %-9s %-8s %s%s\n", std::string(to_string(trial.kind->codec)).c_str(),
                std::string(trial.kind->name).c_str(), trial.kind->hardware ? "hardware" : "software",
                trial.reason.empty() ? "works" : "no: ", trial.reason.c_str());
  }
  return ExitCode::ok;
}

}  // namespace

const app::ToolInfo& Shmpub::info() const { return kInfo; }

void Shmpub::options(CLI::App& cli) {
  cli.add_option("source,--source", source_, "The ring to read, or - for y4m, MJPEG, H.264 or HEVC on stdin")
      ->type_name("SOURCE");
  cli.add_option("--out", out_,
                 "A ring to write, NAME:CODEC[,PIXELFORMAT][,WxH][@FPS][,qN][,BITRATE]; once for each")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  app::add_int(cli, "--frames", settings_.frames, 2, 65536, "Frames that each ring holds at least");
  app::add_ring_access(cli, settings_.access);
  cli.add_flag("--on-demand,!--no-on-demand", settings_.on_demand,
               "Encode only while somebody reads (default)");
  cli.add_option("--encoder", settings_.encoder,
                 "For H.264 and HEVC: " + av::encoder_names() + "; auto takes hardware where it works")
      ->type_name("NAME")
      ->capture_default_str();
  cli.add_flag("--list-encoders", list_encoders_, "Try every encoder, say what works here, and end");
  cli.add_flag("--adaptive", adaptive_,
               "Lower rate, then detail, then size while machine or readers can't keep up");
  app::add_parsed(cli, "--overlay", overlay_, Overlay::parse,
                  "Write into every picture: time, name or off [off]", "WHAT");
  app::add_duration(cli, "--delay", settings_.delay,
                    "Publish each frame so long after the source's was published, up to 10s")
      ->default_str("0");
  app::add_int(cli, "--drop-same-frames", drop_same_, 0, 100000,
               "Leave out up to so many frames in a row that equal the one before [0]");
  app::add_duration(cli, "--gop", settings_.keyframe_interval, "Time from one keyframe to the next");
}

void Shmpub::check() {
  if (list_encoders_) return;
  if (!av::is_encoder_name(settings_.encoder)) {
    throw Error(ExitCode::usage, "read options", "--encoder " + settings_.encoder, "no such encoder",
                "it is one of " + av::encoder_names());
  }
  if (source_.empty()) {
    throw Error(ExitCode::usage, "read options", "SOURCE", "missing",
                "name the ring to read, e.g. shmpub cam0 --out cam0.mjpeg:mjpeg");
  }
  if (source_ != "-") check_ring_name(source_);
  specs_ = parse_outputs(out_, source_);
  if (settings_.keyframe_interval < kShortestGop) {
    throw Error(ExitCode::usage, "read options", "--gop", "keyframes can't come that often",
                "write 10ms or more");
  }
  if (settings_.delay < std::chrono::nanoseconds(0) || settings_.delay > DelayLine::kLongest) {
    throw Error(ExitCode::usage, "read options", "--delay", "frames can be held back for up to 10s",
                "write e.g. 120ms");
  }
  settings_.draws = overlay_ != Overlay::Kind::off;
  settings_.source = source_ == "-" ? "stdin" : source_;
}

ExitCode Shmpub::run(app::Context& context) {
  av_log_set_level(AV_LOG_QUIET);  // a lost frame is a counter, never a line of its own
  if (list_encoders_) return list_encoders();
  std::vector<std::unique_ptr<Output>> outputs;
  for (OutputSpec& spec : specs_)
    outputs.push_back(std::make_unique<Output>(spec, settings_, context.metrics));
  Pipeline pipeline(std::move(outputs), settings_.source, context.metrics,
                    {Overlay(overlay_, settings_.source), drop_same_});
  Publisher publisher(pipeline, settings_.source, context, adaptive_);
  std::unique_ptr<Source> source;
  if (source_ == "-") {
    source = std::make_unique<PipeSource>(STDIN_FILENO, context.stop, [&publisher] { publisher.tick(); });
  } else {
    source = std::make_unique<RingSource>(source_);
  }
  publisher.run(*source);
  app::log_info(publisher.summary());
  return ExitCode::ok;
}

}  // namespace camring::shmpub
