// A filter between rings: frames that pass go on to one, those that fail go to another with their reasons.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "app/ring_access.h"
#include "app/tool.h"
#include "judge.h"
#include "ring/ring_writer.h"
#include "ring_feed.h"

namespace camring::framecheck {

struct GateSpec {
  std::string from, out, reject;  ///< rings; reject may be empty: failed frames are dropped
  std::uint32_t frames = 0;       ///< that each ring holds at least; 0: the format's usual number
  app::RingAccess access;
};

/// One thread.
class Gate {
 public:
  Gate(GateSpec spec, const Limits& limits, const Baseline* baseline, std::optional<vision::Region> region,
       app::Context& context);
  /// Until a stop. @throws Error.
  void run();

 private:
  void pass_on(const Verdict& verdict, const RingFeed& feed);
  void open(const FrameFormat& format);
  void beat();
  void tell_signal(WriterState state);

  GateSpec spec_;
  const Limits& limits_;
  const Baseline* baseline_;
  Meter meter_;
  app::Context& context_;
  app::Counter &passed_, &failed_;
  std::optional<RingWriter> out_, reject_;
  std::vector<std::uint8_t> payload_;
  std::string metadata_;
};

}  // namespace camring::framecheck
