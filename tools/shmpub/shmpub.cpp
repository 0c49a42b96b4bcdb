#include "shmpub.h"

#include <unistd.h>

#include "app/options.h"
#include "pipe_source.h"
#include "pipeline.h"
#include "publisher.h"
#include "ring/ring_name.h"
#include "ring_source.h"

namespace camring::shmpub {
namespace {

constexpr app::ToolInfo kInfo{"shmpub",
                              "publishes rings derived from another: size, rate, pixel format, codec",
                              "  shmpub cam0 --out cam0.mjpeg:mjpeg,1280x720@15,q80\n"
                              "  shmpub cam0 --out cam0.mjpeg:mjpeg --out cam0.small:raw,gray8,640x360@5\n"
                              "  ffmpeg -i street.avi -f yuv4mpegpipe - | shmpub - --out cam1:raw"};

}  // namespace

const app::ToolInfo& Shmpub::info() const { return kInfo; }

void Shmpub::options(CLI::App& cli) {
  cli.add_option("source,--source", source_, "The ring to read, or - for y4m, MJPEG, H.264 or HEVC on stdin")
      ->type_name("SOURCE");
  cli.add_option("--out", out_, "A ring to write, NAME:CODEC[,PIXELFORMAT][,WxH][@FPS][,qN]; once for each")
      ->type_name("SPEC")
      ->allow_extra_args(false);
  app::add_int(cli, "--frames", settings_.frames, 2, 65536, "Frames that each ring holds at least");
  cli.add_flag("--on-demand", settings_.on_demand, "Encode only while somebody reads");
}

void Shmpub::check() {
  if (source_.empty()) {
    throw Error(ExitCode::usage, "read options", "SOURCE", "missing",
                "name the ring to read, e.g. shmpub cam0 --out cam0.mjpeg:mjpeg");
  }
  if (source_ != "-") check_ring_name(source_);
  specs_ = parse_outputs(out_, source_);
  settings_.source = source_ == "-" ? "stdin" : source_;
}

ExitCode Shmpub::run(app::Context& context) {
  av_log_set_level(AV_LOG_QUIET);  // a lost frame is a counter, never a line of its own
  std::vector<std::unique_ptr<Output>> outputs;
  for (OutputSpec& spec : specs_)
    outputs.push_back(std::make_unique<Output>(spec, settings_, context.metrics));
  Pipeline pipeline(std::move(outputs), settings_.source, context.metrics);
  Publisher publisher(pipeline, settings_.source, context);
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
