#include "gate.h"

#include <nlohmann/json.hpp>

#include "clock_hour.h"

namespace camring::framecheck {
namespace {

constexpr std::chrono::milliseconds kLook{100};
constexpr std::size_t kMaxMetadata = 4096;

std::string reasons_json(const Verdict& verdict) {
  using nlohmann::json;
  json reasons = json::array();
  for (const Reason& reason : verdict.reasons) reasons.push_back(reason.text);
  const json root{{"framecheck", {{"state", to_string(verdict.state)}, {"reasons", reasons}}}};
  std::string text = root.dump(-1, ' ', false, json::error_handler_t::replace);
  return text.size() <= kMaxMetadata ? text : std::string();
}

}  // namespace

Gate::Gate(GateSpec spec, const Limits& limits, const Baseline* baseline,
           std::optional<vision::Region> region, app::Context& context)
    : spec_(std::move(spec)),
      limits_(limits),
      baseline_(baseline),
      meter_(region, 1),
      context_(context),
      passed_(context.metrics.counter("frames_total", "Frames by verdict", {{"verdict", "passed"}})),
      failed_(context.metrics.counter("frames_total", "Frames by verdict", {{"verdict", "failed"}})) {}

void Gate::open(const FrameFormat& format) {
  const auto one = [&](std::optional<RingWriter>& writer, const std::string& name) {
    if (name.empty()) return;
    if (writer) return writer->reconfigure(format);
    RingSpec ring;
    ring.name = name;
    ring.format = format;
    ring.frames = spec_.frames;
    ring.mode = spec_.access.mode;
    ring.group = spec_.access.group;
    ring.writer = "framecheck " CAMRING_VERSION;
    ring.source = "ring " + spec_.from;
    writer.emplace(ring);
  };
  one(out_, spec_.out);
  one(reject_, spec_.reject);
}

void Gate::beat() {
  if (out_) out_->beat_loop();
  if (reject_) reject_->beat_loop();
}

// Readers of the rings are told when it is not the gate that keeps frames back.
void Gate::tell_signal(WriterState state) {
  const bool present = state == WriterState::live || state == WriterState::starting;
  if (out_) out_->set_signal(present);
  if (reject_) reject_->set_signal(present);
}

void Gate::pass_on(const Verdict& verdict, const RingFeed& feed) {
  if (!feed.copy(payload_, metadata_)) return;
  const bool good = verdict.state == State::ok;
  const FrameInfo& info = feed.frame().info;
  CommitInfo commit;
  commit.flags = info.flags;
  commit.capture_ns = info.capture_ns;
  commit.source_number = info.source_number;
  commit.source_capture_ns = info.source_capture_ns;
  if (!good) metadata_ = reasons_json(verdict);
  commit.metadata = metadata_;
  (good ? passed_ : failed_).add();
  std::optional<RingWriter>& writer = good ? out_ : reject_;
  if (!writer) return;
  if (!payload_.empty()) writer->publish(payload_, commit);
}

void Gate::run() {
  RingFeed feed(spec_.from);
  std::uint64_t epoch = 0;
  app::RepeatingFault failing;
  while (!context_.stop.requested()) {
    const RingFeed::Got got = feed.next(kLook, false);
    beat();
    tell_signal(feed.reader().writer_state());
    if (got != RingFeed::Got::picture) continue;
    if (!out_ || epoch != feed.reader().epoch()) {
      if (!out_ || out_->format() != feed.reader().format()) open(feed.reader().format());
      epoch = feed.reader().epoch();
      context_.notify.ready();
    }
    meter_.add(feed.picture(), feed.frame().info);
    if (!feed.intact()) {
      meter_.take_back();
      continue;
    }
    Reading reading = meter_.reading();
    reading.values[Metric::fps] = feed.fps();
    const Verdict verdict = judge(reading, limits_, baseline_, hour_now());
    pass_on(verdict, feed);
    if (verdict.state == State::ok)
      failing.clear("frames pass again");
    else
      failing.report("frames fail: " + verdict.reasons.front().text);
    context_.notify.alive();
    context_.notify.status(std::to_string(passed_.value()) + " frames passed, " +
                           std::to_string(failed_.value()) + " failed");
  }
  app::log_info(std::to_string(passed_.value()) + " frames passed, " + std::to_string(failed_.value()) +
                " failed");
}

}  // namespace camring::framecheck
