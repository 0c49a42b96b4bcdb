#include "publisher.h"

#include <array>
#include <cstdio>

#include "base/clock.h"

namespace camring::shmpub {
namespace {

constexpr std::chrono::milliseconds kPatience{100};
constexpr std::int64_t kReportEvery = 5'000'000'000;

}  // namespace

Publisher::Publisher(Pipeline& pipeline, std::string name, app::Context& context)
    : pipeline_(pipeline),
      name_(std::move(name)),
      context_(context),
      source_up_(context.metrics.gauge("source_up", "1 while the source gives frames.", {{"ring", name_}})),
      frames_at_report_(pipeline.outputs().size()) {}

void Publisher::run(Source& source) {
  SourceFrame frame;
  while (!context_.stop.requested()) {
    follow_demand(source);
    const SourceEvent event = source.next(frame, kPatience);
    if (event == SourceEvent::ended) break;
    if (event == SourceEvent::changed && source.format().codec != Codec::none)
      pipeline_.follow(source.format());
    if (event == SourceEvent::frame) pipeline_.process(source, frame);
    if (event != SourceEvent::frame || frame.info.placeholder() || in_trouble_) look_at(source);
    pipeline_.count(source.losses());
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
  if (reported_ns_ == 0) reported_ns_ = now;
  if (now - reported_ns_ >= kReportEvery) report(now);
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
