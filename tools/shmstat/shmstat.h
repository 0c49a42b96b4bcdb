// Shows rings, and removes what dead writers left behind.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/tool.h"
#include "ring/ring_list.h"

namespace camring::shmstat {

class Shmstat final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override;
  void check() override;
  ExitCode run(app::Context& context) override;

 private:
  [[nodiscard]] std::vector<RingStatus> look(bool again) const;  // again: rings may be gone
  void print(const std::vector<RingStatus>& rings, bool redraw) const;
  [[nodiscard]] ExitCode remove() const;

  std::vector<std::string> rings_;
  bool json_ = false, remove_ = false, watch_ = false;
  std::optional<std::chrono::nanoseconds> interval_;
};

}  // namespace camring::shmstat
