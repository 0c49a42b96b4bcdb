// sseserve: live video over plain HTTP.
#pragma once

#include "app/tool.h"
#include "options.h"

namespace camring::sseserve {

class Sseserve final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override { declare_options(cli, options_); }
  void check() override { check_options(options_); }
  ExitCode run(app::Context& context) override;

 private:
  Options options_;
};

}  // namespace camring::sseserve
