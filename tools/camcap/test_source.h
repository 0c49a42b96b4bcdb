// test: frames from nowhere, at a steady rate, that carry their number and clock in the picture.
#pragma once

#include "source.h"

namespace camring::camcap {

class TestSource final : public Source {
 public:
  /// @param pattern  "" or "moving", or "bars". @throws Error (usage) for another.
  TestSource(const std::string& pattern, const Options& options);
  void run(Output& output, const app::Stop& stop) override;

 private:
  bool bars_ = false;
  bool fast_ = false;
  FrameFormat format_;
};

}  // namespace camring::camcap
