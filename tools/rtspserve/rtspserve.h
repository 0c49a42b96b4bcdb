// The RTSP server: rings of video to players and recorders over RTP.
#pragma once

#include "app/tool.h"
#include "options.h"

namespace camring::rtspserve {

class Rtspserve final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override { declare_options(cli, options_); }
  void check() override { check_options(options_); }
  ExitCode run(app::Context& context) override;

 private:
  Options options_;
};

}  // namespace camring::rtspserve
