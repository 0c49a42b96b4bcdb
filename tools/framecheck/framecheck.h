// Is this camera's picture all right? For cron, Nagios, Prometheus, and a person with a terminal.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "app/log.h"
#include "app/ring_access.h"
#include "app/tool.h"
#include "gate.h"
#include "judge.h"
#include "report.h"
#include "ring_feed.h"

namespace camring::framecheck {

class Framecheck final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override;
  void check() override;
  ExitCode run(app::Context& context) override;

 private:
  void take_limits(const std::vector<std::string>& words, std::map<Metric, app::Range>& into,
                   const char* option) const;
  [[nodiscard]] ExitCode check_once(app::Context& context);
  [[nodiscard]] ExitCode check_ring(const app::Stop& stop);
  [[nodiscard]] ExitCode check_media(const app::Stop& stop);
  [[nodiscard]] ExitCode watch_ring(app::Context& context);
  /// Measures the feed's picture. Rings that are made on demand hold old ones, which say nothing beside new
  /// ones: those are forgotten. @param old  whether the picture before was old; becomes whether this is
  [[nodiscard]] bool take(const RingFeed& feed, Meter& meter, bool& old) const;
  void look(RingFeed& feed, Meter& meter, const app::Stop& stop) const;
  /// Prints and writes what is to be printed and written.
  void tell(const Reading& reading, const Verdict& verdict, bool lines);
  void keep_evidence(const av::ImageView& picture, const Verdict& verdict);
  /// Says what can't be written and goes on: a full disk must not hide what is wrong with the camera.
  void attempt(const std::function<void()>& write);
  void tell_unknown(const std::string& reason);
  void end_learning(std::uint64_t looks) const;
  [[nodiscard]] const Baseline* baseline() const { return baseline_ ? &*baseline_ : nullptr; }

  std::string ring_, image_, prom_, evidence_, baseline_path_;
  std::vector<std::string> warning_, critical_;
  bool once_ = false, watch_ = false, json_ = false;
  std::chrono::nanoseconds interval_ = std::chrono::seconds(1);
  std::optional<std::chrono::nanoseconds> learn_;
  std::size_t samples_ = 5;
  std::optional<vision::Region> roi_;
  Limits limits_;
  std::optional<Baseline> baseline_;
  GateSpec gate_;
  std::string subject_, last_failure_;
  app::RepeatingFault unwritten_{app::LogLevel::error};
};

}  // namespace camring::framecheck
