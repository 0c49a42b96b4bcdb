// A ring's frames to standard output, or one of them to a file.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>

#include "app/tool.h"
#include "container.h"
#include "ring/ring_reader.h"
#include "sink.h"

namespace camring::shmcat {

class Shmcat final : public app::Tool {
 public:
  [[nodiscard]] const app::ToolInfo& info() const override;
  void options(CLI::App& cli) override;
  void check() override;
  ExitCode run(app::Context& context) override;

 private:
  enum class Got { frame, stopped, ended };
  void wait_for_ring(RingReader& reader, const app::Stop& stop) const;
  [[nodiscard]] Got next(RingReader& reader, FrameView& view, std::vector<std::uint8_t>& payload,
                         const Sink& sink, const app::Stop& stop);
  [[noreturn]] void too_late(const RingReader& reader) const;
  ExitCode copy_frames(RingReader& reader, const app::Stop& stop);
  ExitCode take_snapshot(RingReader& reader, const app::Stop& stop);

  std::string ring_, format_, snapshot_, start_ = "newest";
  ContainerKind kind_ = ContainerKind::natural;
  std::uint64_t frames_ = 0;
  std::pair<std::string, std::string> not_a_time_;  // what stood behind --wait, and why it is none
  bool wait_ = false, until_end_ = false;
  std::chrono::nanoseconds wait_time_{0};
  std::optional<std::chrono::nanoseconds> wait_fresh_;
  std::int64_t begun_ns_ = 0;  // since when frames are fresh: the ring was there
  bool fresh_seen_ = false;
  app::RepeatingFault corrupt_;
};

}  // namespace camring::shmcat
