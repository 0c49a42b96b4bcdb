// The publishing tool: one source of frames, rings derived from it.
#pragma once

#include <string>
#include <vector>

#include "app/tool.h"
#include "output.h"
#include "output_spec.h"
#include "overlay.h"

namespace camring::shmpub {

class Shmpub final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override;
  void check() override;
  ExitCode run(app::Context& context) override;

 private:
  std::string source_;
  std::vector<std::string> out_;
  OutputSettings settings_;
  bool list_encoders_ = false;
  bool adaptive_ = false;
  unsigned drop_same_ = 0;
  Overlay::Kind overlay_ = Overlay::Kind::off;
  std::vector<OutputSpec> specs_;
};

}  // namespace camring::shmpub
