// Do these rings show the same moment? For cron, Nagios, Prometheus, a person with a terminal, and servers
// that show two rings side by side.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "app/log.h"
#include "app/tool.h"
#include "corrector.h"
#include "report.h"

namespace camring::syncmon {

class Syncmon final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override;
  void check() override;
  ExitCode run(app::Context& context) override;

 private:
  /// The places of two rings, and their check.
  struct Pairing {
    std::size_t first, second;
    PairCheck check;
    Limits limits;
  };
  /// A threshold, of one ring or of all (no name).
  struct Threshold {
    std::string ring;
    Metric metric;
    app::Range range;
  };
  [[nodiscard]] static std::vector<Threshold> take_limits(const std::vector<std::string>& words,
                                                          const char* option);
  [[nodiscard]] Limits limits_of(const std::string& a, const std::string& b) const;
  void begin();
  void note(std::size_t ring, const Sighting& sighting);
  [[nodiscard]] bool enough() const;
  void look(std::vector<std::unique_ptr<RingFeed>>& feeds, const app::Stop& stop);
  [[nodiscard]] Report report() const;
  void tell(const Report& report, bool lines);
  void write_metrics(const Report& report);
  void tell_unknown(const std::string& reason);
  [[nodiscard]] std::vector<std::optional<std::int64_t>> delays(const Report& report) const;
  [[nodiscard]] std::size_t degraded() const;
  [[nodiscard]] ExitCode check_once(app::Context& context);
  [[nodiscard]] ExitCode watch(app::Context& context);

  std::vector<std::string> names_;
  std::string prom_, by_ = "auto";
  std::vector<std::string> warning_, critical_;
  bool once_ = false, watch_ = false, json_ = false, matrix_ = false, publish_ = false;
  std::chrono::nanoseconds interval_ = std::chrono::seconds(1), window_ = std::chrono::seconds(10);
  std::optional<std::chrono::nanoseconds> time_;
  std::size_t samples_ = 5;
  CheckRules rules_;
  Limits limits_;  ///< of any two rings
  std::vector<Threshold> warnings_, criticals_;
  app::RepeatingFault unwritten_{app::LogLevel::error};
  std::vector<RingState> rings_;
  std::vector<Pairing> pairings_;
};

}  // namespace camring::syncmon
