// publish(), which copies; or fill a claim in place and commit it. Readers sleep in next(), or look again and
// again.
#include "base/clock.h"
#include "cell.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace bench {
namespace {

using namespace camring;
using namespace std::chrono_literals;

class Camring final : public Side {
 public:
  const char* name() const override { return "camring"; }
  void writer(const Cell& cell, Pace& pace) override {
    RingSpec spec;
    spec.name = "bench";
    const std::uint32_t rows = cell.bytes > 4'000'000 ? 640 : 64;
    spec.format = raw_format(PixelFormat::gray8, {static_cast<std::uint32_t>(cell.bytes / rows), rows});
    RingWriter writer(spec);
    pace.ready();
    while (pace.next()) {
      const Stamp stamp = pace.stamp();
      CommitInfo info;
      info.capture_ns = stamp.made_ns;
      if (cell.copy) {
        writer.publish(pace.stamped(stamp), info);
        continue;
      }
      Claim claim = pace.timed([&] { return writer.claim(cell.bytes); });
      pace.fill(claim.data().data(), stamp);
      pace.timed([&] { return writer.commit(std::move(claim), cell.bytes, info); });
    }
  }
  void reader(const Cell& cell, Probe& probe, int) override {
    RingReader reader("bench", {.start = ReadStart::live});
    FrameView view;
    while (!reader.attached()) (void)reader.next(view, 5ms);
    probe.ready();
    const auto patience = cell.spin ? 0ms : 100ms;
    while (!probe.done()) {
      if (reader.next(view, patience) == ReadStatus::frame) probe.note(view.payload.data());
    }
  }
};

}  // namespace

std::unique_ptr<Side> make_camring() { return std::make_unique<Camring>(); }

}  // namespace bench
