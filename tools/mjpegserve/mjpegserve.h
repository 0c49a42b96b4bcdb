// The MJPEG server: rings of JPEG frames to browsers and recorders over HTTP.
#pragma once

#include <memory>
#include <vector>

#include "app/tool.h"
#include "feed.h"
#include "options.h"

namespace camring::mjpegserve {

class Mjpegserve final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override { declare_options(cli, options_); }
  void check() override { check_options(options_); }
  ExitCode run(app::Context& context) override;

 private:
  Options options_;
};

}  // namespace camring::mjpegserve
