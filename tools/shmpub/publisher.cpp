#include "publisher.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <utility>

#include "base/clock.h"
#include "base/error.h"

namespace camring::shmpub {
namespace {

constexpr std::chrono::milliseconds kPatience{100};
constexpr std::chrono::milliseconds kShortestWait{1};
constexpr std::int64_t kReportEvery = 5'000'000'000;

}  // namespace

Publisher::Publisher(Pipeline& pipeline, std::string name, app::Context& context, bool adaptive)
    : pipeline_(pipeline),
      name_(std::move(name)),
      context_(context),
      source_up_(context.metrics.gauge("source_up", "1 while the source gives frames.", {{"ring", name_}})),
      totals_(pipeline.outputs().size()),
      frames_at_report_(pipeline.outputs().size()) {
  if (adaptive) governor_.emplace();
}

void Publisher::run(Source& source) {
  SourceFrame frame;
  while (!context_.stop.requested()) {
    follow_demand(source);
    const SourceEvent event = next(source, frame);
    if (event == SourceEvent::ended) {
      pipeline_.finish(source);
      drain();
      break;
    }
    if (event == SourceEvent::changed && source.format().codec != Codec::none)
      pipeline_.follow(source.format());
    if (event == SourceEvent::frame) pipeline_.process(source, frame);
    if (event != SourceEvent::frame || frame.info.placeholder() || in_trouble_) look_at(source);
    pipeline_.count(source.losses());
    tick();
  }
}

// A source that breaks off was whole up to there.
SourceEvent Publisher::next(Source& source, SourceFrame& frame) {
  try {
    return source.next(frame, kPatience);
  } catch (const Error&) {
    drain();
    throw;
  }
}

// What outputs hold back still comes out at its time.
void Publisher::drain() {
  while (const auto until = pipeline_.held_until()) {
    const std::chrono::nanoseconds left(*until - monotonic_ns());
    if (context_.stop.wait_for(std::clamp<std::chrono::nanoseconds>(left, kShortestWait, kPatience))) return;
    tick();
  }
}

// Readers of the outputs are told what the source's writer says or fails to say; the user is told once.
void Publisher::look_at(const Source& source) {
  const std::string trouble = source.trouble();
  in_trouble_ = !trouble.empty();
  source_up_.set(in_trouble_ ? 0 : 1);
  if (in_trouble_) {
    pipeline_.set_signal(false);
    trouble_.report(trouble + "; waiting for it");
  } else {
    trouble_.clear("frames come again from " + name_);
  }
}

void Publisher::follow_demand(Source& source) {
  const bool wanted = pipeline_.wanted();
  if (wanted == demand_) return;
  demand_ = wanted;
  source.set_demand(wanted);
}

void Publisher::tick() {
  pipeline_.beat();
  // The rings are there and frames come: an output that nobody reads encodes nothing and is ready all the
  // same.
  if (pipeline_.running()) context_.notify.ready();
  context_.notify.alive();
  const std::int64_t now = monotonic_ns();
  if (governor_) govern(now);
  if (reported_ns_ == 0) reported_ns_ = now;
  if (now - reported_ns_ >= kReportEvery) report(now);
}

void Publisher::govern(std::int64_t now) {
  if (governed_ns_ != 0 && now - governed_ns_ < std::chrono::nanoseconds(Governor::kInterval).count()) return;
  const double seconds = static_cast<double>(now - governed_ns_) * 1e-9;
  const bool first = std::exchange(governed_ns_, now) == 0;
  MachineLoad machine;
  const double busy = pipeline_.busy_seconds();
  machine.busy_share = (busy - std::exchange(busy_total_, busy)) / seconds;
  const std::uint64_t frames = pipeline_.frames() - std::exchange(frames_total_, pipeline_.frames());
  const std::uint64_t all_behind = pipeline_.source_drops(SourceDrop::behind);
  const std::uint64_t behind = all_behind - std::exchange(behind_total_, all_behind);
  if (frames + behind > 0)
    machine.behind_share = static_cast<double>(behind) / static_cast<double>(frames + behind);
  machine.pressure = cpu_pressure();

  std::vector<OutputLoad> loads;
  for (std::size_t i = 0; i < totals_.size(); ++i) {
    const Output& output = *pipeline_.outputs()[i];
    OutputLoad& load = loads.emplace_back();
    load.level = output.level();
    load.max_level = output.ready() && output.wanted() ? output.max_level() : output.level();
    load.raw = output.raw();
    Totals now_total{output.busy_seconds(), 0, 0};
    // Who takes a picture now and then loses nothing by it; who follows a stream of video does.
    for (const Consumer& consumer : output.video() ? output.consumers() : std::vector<Consumer>{}) {
      now_total.seen += consumer.seen;
      now_total.missed += consumer.missed;
    }
    const Totals before = std::exchange(totals_[i], now_total);
    load.busy_seconds = now_total.busy - before.busy;
    // Totals fall when a consumer goes: then this second says nothing.
    if (now_total.seen >= before.seen && now_total.missed >= before.missed) {
      load.seen = now_total.seen - before.seen;
      load.missed = now_total.missed - before.missed;
    }
  }
  if (first) return;
  const auto step = governor_->judge(now, machine, loads);
  if (!step) return;
  Output& output = *pipeline_.outputs()[step->output];
  const bool down = step->level > output.level();
  if (!output.set_level(step->level)) return;
  context_.metrics
      .counter("quality_steps_total", "Steps of dynamic quality.",
               {{"ring", output.name()}, {"direction", down ? "down" : "up"}})
      .add();
  app::log_info("ring " + output.name() + ": quality " + (down ? "down" : "up") + " to " +
                output.level_text() + ": " + step->reason);
}

void Publisher::report(std::int64_t now) {
  std::string line = name_ + (in_trouble_ ? ": no signal" : ":");
  const double seconds = static_cast<double>(now - reported_ns_) * 1e-9;
  for (std::size_t i = 0; i < frames_at_report_.size(); ++i) {
    const Output& output = *pipeline_.outputs()[i];
    const std::uint64_t frames = output.frames();
    std::array<char, 32> rate{};
    std::snprintf(rate.data(), rate.size(), " %.1f fps",
                  static_cast<double>(frames - frames_at_report_[i]) / seconds);
    line += (i == 0 ? " " : ", ") + output.name() + rate.data();
    frames_at_report_[i] = frames;
  }
  reported_ns_ = now;
  context_.notify.status(line);
  app::log_debug(line);
}

std::string Publisher::summary() const {
  std::string text;
  std::uint64_t drops = pipeline_.source_drops();
  for (const auto& output : pipeline_.outputs()) {
    text += (text.empty() ? "" : ", ") + output->name() + " " + std::to_string(output->frames()) + " frames";
    drops += output->drops();
  }
  text += "; " + std::to_string(drops) + " dropped";
  std::string reasons;
  const auto add = [&](std::uint64_t count, const char* reason) {
    if (count != 0) reasons += (reasons.empty() ? "" : ", ") + std::to_string(count) + " " + reason;
  };
  for (std::size_t i = 0; i < kSourceDrops; ++i) {
    const auto reason = static_cast<SourceDrop>(i);
    add(pipeline_.source_drops(reason), to_string(reason));
  }
  for (std::size_t i = 0; i < kOutputDrops; ++i) {
    const auto reason = static_cast<OutputDrop>(i);
    std::uint64_t count = 0;
    for (const auto& output : pipeline_.outputs()) count += output->drops(reason);
    add(count, to_string(reason));
  }
  return reasons.empty() ? text : text + " (" + reasons + ")";
}

}  // namespace camring::shmpub
