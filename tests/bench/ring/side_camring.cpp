// Copy into a claim, commit; readers sleep in next().
#include <stdlib.h>

#include "harness.h"
#include "ring/ring_reader.h"
#include "ring/ring_writer.h"

namespace bench {
namespace {

using namespace camring;

class Camring final : public Side {
 public:
  const char* name() const override { return "camring"; }
  void writer(const Cell& cell, Shared& shared) override {
    RingSpec spec;
    spec.name = "bench";
    spec.format = raw_format(PixelFormat::gray8, {static_cast<std::uint32_t>(cell.bytes / 64), 64});
    RingWriter writer(spec);
    const std::vector<std::uint8_t> source(cell.bytes, 7);
    paced(shared, cell, [&](int frame) {
      const Stamp stamp{monotonic_ns(), frame};
      Claim claim = writer.claim(source.size());
      std::memcpy(claim.data().data(), source.data(), source.size());
      std::memcpy(claim.data().data(), &stamp, sizeof stamp);
      CommitInfo info;
      info.capture_ns = stamp.made_ns;
      writer.commit(std::move(claim), source.size(), info);
    });
  }
  void reader(const Cell& cell, Shared& shared, int index) override {
    RingReader reader("bench", {.start = ReadStart::live});
    FrameView view;
    while (!reader.attached()) (void)reader.next(view, std::chrono::milliseconds(5));
    ++shared.ready;
    while (!shared.done) {
      if (reader.next(view, std::chrono::milliseconds(100)) == ReadStatus::frame) {
        note(shared, cell, index, view.payload.data());
      }
    }
  }
};

}  // namespace

std::unique_ptr<Side> make_camring() { return std::make_unique<Camring>(); }

}  // namespace bench
