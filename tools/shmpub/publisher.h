// The loop of shmpub: frames from the source into the graph, and word to readers, to the service manager and
// to the user of how the source does.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "app/tool.h"
#include "governor.h"
#include "pipeline.h"
#include "source.h"

namespace camring::shmpub {

/// One thread.
class Publisher {
 public:
  /// @param name      the source as the user wrote it
  /// @param adaptive  whether quality follows what machine and readers can take
  Publisher(Pipeline& pipeline, std::string name, app::Context& context, bool adaptive = false);

  /// Publishes until the source ends or a stop is requested. @throws Error as source and outputs do.
  void run(Source& source);
  /// Heart-beats, readiness and status; to be called several times a second.
  void tick();
  [[nodiscard]] std::string summary() const;  ///< "cam0.mjpeg 240 frames; 3 dropped (2 corrupt, 1 behind)"

 private:
  [[nodiscard]] SourceEvent next(Source& source, SourceFrame& frame);
  void drain();
  void look_at(const Source& source);
  void follow_demand(Source& source);
  void report(std::int64_t now);
  void govern(std::int64_t now);

  Pipeline& pipeline_;
  std::string name_;
  app::Context& context_;
  app::Gauge& source_up_;
  app::RepeatingFault trouble_{app::LogLevel::info};
  bool in_trouble_ = true;  // until the first frame says otherwise
  bool demand_ = false;
  std::optional<Governor> governor_;
  std::int64_t governed_ns_ = 0;
  struct Totals {
    double busy = 0;
    std::uint64_t seen = 0, missed = 0;
  };
  std::vector<Totals> totals_;  // of each output when the governor looked last
  double busy_total_ = 0;
  std::uint64_t frames_total_ = 0, behind_total_ = 0;
  std::int64_t reported_ns_ = 0;
  std::vector<std::uint64_t> frames_at_report_;
};

}  // namespace camring::shmpub
