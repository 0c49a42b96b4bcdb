// The capture tool: one source of frames, one ring.
#pragma once

#include <string>

#include "app/tool.h"
#include "options.h"

namespace camring::camcap {

class Camcap final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override;
  void check() override;
  ExitCode run(app::Context& context) override;

 private:
  void check_source();

  Options options_;
  SourceSpec source_;
  bool list_devices_ = false, json_ = false;
  std::string list_formats_;
};

}  // namespace camring::camcap
