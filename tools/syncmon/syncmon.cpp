#include "syncmon.h"

#include <algorithm>
#include <cstdio>
#include <set>

#include "app/log.h"
#include "app/options.h"
#include "app/write_file.h"
#include "base/clock.h"
#include "pump.h"
#include "ring/ring_name.h"

namespace camring::syncmon {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kMostRings = 16;
constexpr auto kPatience = 900ms;      // --once ends within a second
constexpr auto kContentPatience = 6s;  // pictures have to change before they can be compared
constexpr auto kLook = 10ms;           // --once goes from ring to ring
constexpr std::size_t kTurn = sync::FramePairer::kMemory / 4;  // frames, before it is the next ring's turn
constexpr auto kJudge = 100ms;                                 // how often --watch looks for what came slowly
constexpr auto kOnceValid = 60s;
constexpr auto kLeastValid = 10s;

Error usage(const std::string& object, const std::string& reason, const std::string& advice = {}) {
  return {ExitCode::usage, "read options", object, reason, advice};
}

}  // namespace

const app::ToolInfo& Syncmon::info() const {
  static constexpr app::ToolInfo kInfo{"syncmon", "says whether rings show the same moment",
                                       "  syncmon cam0.high cam0.ai.high --tolerance 50ms\n"
                                       "  syncmon cam0 cam1 --content\n"
                                       "  syncmon cam0.high cam0.ai.high --watch --publish\n"
                                       "  syncmon cam0 cam1 cam2 --matrix\n"};
  return kInfo;
}

void Syncmon::options(CLI::App& cli) {
  cli.add_option("ring,--ring", names_,
                 "The rings to compare, two or more; the first is what others are late behind")
      ->type_name("RING");
  cli.add_flag("--once", once_, "Check once and end with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN (default)");
  cli.add_flag("-w,--watch", watch_, "Check on and on, a JSON object a line");
  app::add_duration(cli, "--interval", interval_, "How often --watch tells what did not change");
  app::add_duration(cli, "--window", window_, "How long a pair of frames is remembered");
  app::add_duration(cli, "--time", time_, "Let --once look for so long, not only until it has seen enough");
  app::add_int(cli, "--samples", samples_, 1, 1000, "Pairs that --once waits for, if it must [5]");
  cli.add_option("--pair", by_, "How frames are paired: auto, number or time [auto]")->type_name("BY");
  cli.add_flag("--content", rules_.content, "Find the offset from the pictures, not from their times");
  app::add_duration(cli, "--tolerance", limits_.tolerance, "A pair further apart is a violation");
  app::add_int(cli, "--max-violations", rules_.offset.max_violations, 1, 1000,
               "Violations in a row that are critical [5]");
  app::add_duration(cli, "--max-age", limits_.max_age, "How long ago the newest frame may have come");
  cli.add_option("--warning", warning_, "[RING/]METRIC=RANGE: warn of values outside; once for each metric")
      ->type_name("LIMIT")
      ->allow_extra_args(false);
  cli.add_option("--critical", critical_, "[RING/]METRIC=RANGE: critical when outside; once for each metric")
      ->type_name("LIMIT")
      ->allow_extra_args(false);
  cli.add_flag("--publish", publish_,
               "Tell the rings' writers by how much to delay, for whoever shows them together");
  cli.add_flag("--matrix", matrix_, "Compare all with all and print a table of offsets");
  cli.add_flag("--json", json_, "With --once: JSON instead of a status line or a table");
  cli.add_option("--prom", prom_, "Also write a file for node_exporter's textfile collector")
      ->type_name("FILE");
}

std::vector<Syncmon::Threshold> Syncmon::take_limits(const std::vector<std::string>& words,
                                                     const char* option) {
  std::vector<Threshold> thresholds;
  for (const std::string& word : words) {
    const auto limit = app::split_limit(word);
    const auto metric = limit ? metric_from(limit->metric) : std::nullopt;
    if (!metric) {
      std::string all;
      for (const MetricInfo& info : metric_table()) all += (all.empty() ? "" : ", ") + std::string(info.name);
      throw usage(option, "'" + word + "' is no METRIC=RANGE", "e.g. drift=-200:200 ; metrics are " + all);
    }
    try {
      thresholds.push_back({limit->subject, *metric, app::parse_range(limit->range)});
    } catch (const std::invalid_argument& error) {
      throw usage(option, error.what());
    }
  }
  return thresholds;
}

// Those of one ring win over those of all, wherever they stand.
Limits Syncmon::limits_of(const std::string& a, const std::string& b) const {
  Limits limits = limits_;
  const auto add = [&](const std::vector<Threshold>& thresholds, Ranges& into) {
    for (const Threshold& one : thresholds)
      if (one.ring.empty()) into[one.metric] = one.range;
    for (const Threshold& one : thresholds)
      if (one.ring == a || one.ring == b) into[one.metric] = one.range;
  };
  add(warnings_, limits.warning);
  add(criticals_, limits.critical);
  return limits;
}

void Syncmon::check() {
  for (const std::string& name : names_) check_ring_name(name);
  if (names_.size() < 2)
    throw usage("", names_.empty() ? "nothing to compare" : "one ring alone is always in step",
                "e.g. 'syncmon cam0.high cam0.ai.high'");
  if (names_.size() > kMostRings) throw usage("", "at most 16 rings");
  if (std::set<std::string>(names_.begin(), names_.end()).size() != names_.size())
    throw usage("", "the same ring twice is always in step");
  if (watch_ && (once_ || matrix_ || time_))
    throw usage("--watch", std::string("it goes not with ") + (once_     ? "--once"
                                                               : matrix_ ? "--matrix"
                                                                         : "--time"));
  if (interval_ < 50ms) throw usage("--interval", "at most 20 times a second", "e.g. --interval 1s");
  if (window_ < 1s || window_ > 1h) throw usage("--window", "1s to 1h", "e.g. --window 10s");
  if (limits_.tolerance <= 0ns)
    throw usage("--tolerance", "no two rings are apart by nothing", "e.g. --tolerance 50ms");
  if (limits_.max_age <= 0ns) throw usage("--max-age", "every frame has an age", "e.g. --max-age 2s");
  if (by_ != "auto" && by_ != "number" && by_ != "time")
    throw usage("--pair", "'" + by_ + "' is not auto, number or time");
  if (rules_.content && by_ != "auto") throw usage("--pair", "it goes not with --content");
  rules_.by = by_ == "number" ? sync::PairBy::number
              : by_ == "time" ? sync::PairBy::time
                              : sync::PairBy::automatic;
  rules_.offset.window_ns = window_.count();
  rules_.offset.tolerance_ns = limits_.tolerance.count();
  const Limits defaults = default_limits();
  limits_.warning = defaults.warning;
  limits_.critical = defaults.critical;
  warnings_ = take_limits(warning_, "--warning");
  criticals_ = take_limits(critical_, "--critical");
}

void Syncmon::begin() {
  for (const std::string& name : names_) rings_.push_back({.name = name});
  for (std::size_t i = 0; i < names_.size(); ++i) {
    for (std::size_t j = i + 1; j < names_.size() && (i == 0 || matrix_); ++j)
      pairings_.push_back({i, j, PairCheck(rules_), limits_of(names_[i], names_[j])});
  }
}

void Syncmon::note(std::size_t ring, const Sighting& sighting) {
  ++rings_[ring].frames;
  rings_[ring].published_ns = sighting.moment.published_ns;
  for (Pairing& pairing : pairings_) {
    if (pairing.first == ring) pairing.check.add(sync::Side::a, sighting);
    if (pairing.second == ring) pairing.check.add(sync::Side::b, sighting);
  }
}

bool Syncmon::enough() const {
  // One answer of the pictures stands for seconds of them, and a code for a pair.
  return std::all_of(pairings_.begin(), pairings_.end(), [this](const Pairing& pairing) {
    const bool found = rules_.content && pairing.check.reading().how == How::content;
    return pairing.check.pairs() >= (found ? 1 : samples_);
  });
}

// What the rings hold, and more while that is not enough and they live.
void Syncmon::look(std::vector<std::unique_ptr<RingFeed>>& feeds, const app::Stop& stop) {
  const std::int64_t start = monotonic_ns();
  const auto patience =
      time_.value_or(rules_.content ? std::chrono::nanoseconds(kContentPatience) : kPatience);
  const auto most = std::max<std::chrono::nanoseconds>(patience, kPatience);  // of a writer that outruns this
  // True: more may be there. Rings may hold more than the pairer remembers, and only the newest says how they
  // are now: all of it is read, in turns, so that partners meet.
  const auto drain = [&](std::size_t ring) {
    RingFeed& feed = *feeds[ring];
    for (std::size_t i = 0; i < kTurn; ++i) {
      const std::uint64_t seen = feed.reader().seen();
      if (feed.next(0ns))
        note(ring, feed.sighting());
      else if (feed.reader().seen() == seen)  // else it was a placeholder
        return false;
    }
    return true;
  };
  for (std::size_t turn = 0; !stop.requested(); ++turn) {
    for (bool more = true; more && !stop.requested() && monotonic_ns() - start < most.count();) {
      more = false;
      for (std::size_t ring = 0; ring < feeds.size(); ++ring) more = drain(ring) || more;
    }
    bool alive = true;
    for (std::size_t ring = 0; ring < feeds.size(); ++ring) {
      rings_[ring].writer = feeds[ring]->reader().writer_state();
      alive = alive && trouble_of(rings_[ring].writer).empty();
    }
    if (!alive || monotonic_ns() - start >= patience.count() || (!time_ && enough())) return;
    const std::size_t ring = turn % feeds.size();
    if (feeds[ring]->next(kLook)) note(ring, feeds[ring]->sighting());
  }
}

Report Syncmon::report() const {
  Report report{rings_, {}, sync::clock_discipline()};
  const std::int64_t now = monotonic_ns();
  for (const Pairing& pairing : pairings_) {
    Comparison item{pairing.first, pairing.second, pairing.check.reading(), {}, pairing.limits};
    item.verdict =
        judge(rings_[pairing.first], rings_[pairing.second], item.reading, item.limits, report.clock, now);
    report.comparisons.push_back(std::move(item));
  }
  return report;
}

// A full disk must not hide how the rings are.
void Syncmon::write_metrics(const Report& report) {
  if (prom_.empty()) return;
  try {
    app::write_file(prom_, prometheus_text(report, realtime_ns()), "write metrics");
    unwritten_.clear("files can be written again");
  } catch (const Error& error) {
    unwritten_.report(error.what());
  }
}

// A file for Prometheus that still says OK would be worse than none.
void Syncmon::tell_unknown(const std::string& reason) {
  Report report{rings_, {}, {}};
  for (const Pairing& pairing : pairings_) {
    Comparison item{pairing.first, pairing.second, {}, {}, pairing.limits};
    item.verdict.add(app::State::unknown, "check", reason);
    report.comparisons.push_back(std::move(item));
  }
  if (json_) return tell(report, false);
  app::print(unknown_line(reason));
  write_metrics(report);
}

void Syncmon::tell(const Report& report, bool lines) {
  app::print(lines || json_ ? json_lines(report, realtime_ns())
             : matrix_      ? matrix_text(report) + plugin_line(report)
                            : plugin_line(report));
  write_metrics(report);
}

// Of each ring, so that all meet the latest; empty where nothing is known, or was known and is over.
std::vector<std::optional<std::int64_t>> Syncmon::delays(const Report& report) const {
  const std::int64_t now = monotonic_ns();
  std::vector<std::int64_t> lateness{0};
  std::vector<std::size_t> places{0};
  for (const Comparison& item : report.comparisons) {
    if (item.first != 0 || item.reading.estimate.pairs == 0) continue;
    if (!runs(rings_[0], item.limits, now) || !runs(rings_[item.second], item.limits, now)) continue;
    lateness.push_back(item.reading.estimate.recent_ns);
    places.push_back(item.second);
  }
  std::vector<std::optional<std::int64_t>> delays(rings_.size());
  if (places.size() < 2) return delays;
  const std::vector<std::int64_t> wanted = sync::delays_to_meet(lateness);
  for (std::size_t i = 0; i < places.size(); ++i) delays[places[i]] = wanted[i];
  return delays;
}

std::size_t Syncmon::degraded() const {
  return static_cast<std::size_t>(std::count_if(
      pairings_.begin(), pairings_.end(), [](const Pairing& pairing) { return pairing.check.degraded(); }));
}

ExitCode Syncmon::check_once(app::Context& context) {
  try {
    std::vector<std::unique_ptr<RingFeed>> feeds;
    for (const std::string& name : names_) feeds.push_back(std::make_unique<RingFeed>(name, rules_.content));
    look(feeds, context.stop);
    const Report found = report();
    tell(found, false);
    if (publish_) {
      const std::string failed = Corrector(names_, kOnceValid).tell(delays(found));
      if (!failed.empty()) app::log_warning(failed);
    }
    return static_cast<ExitCode>(found.state());
  } catch (const Error& error) {
    // A check that can't be made is UNKNOWN to monitoring systems, whatever the reason.
    tell_unknown(error.what());
    return static_cast<ExitCode>(app::State::unknown);
  }
}

ExitCode Syncmon::watch(app::Context& context) {
  Pump pump(names_, rules_.content);
  Corrector corrector(names_, std::max<std::chrono::nanoseconds>(kLeastValid, 3 * interval_));
  std::vector<Pump::Arrival> arrivals;
  std::int64_t due = monotonic_ns() + interval_.count(), judge_at = 0;
  std::string told, complained;
  std::size_t known_degraded = 0;
  while (!context.stop.requested() && std::ferror(stdout) == 0) {
    pump.take(arrivals, 50ms);
    for (const Pump::Arrival& arrival : arrivals) note(arrival.ring, arrival.sighting);
    if (!arrivals.empty()) {
      context.notify.ready();
      context.notify.alive();
    }
    const std::int64_t now = monotonic_ns();
    // A check that has just degraded is judged and corrected at once.
    const bool worse = degraded() != known_degraded;
    if (!worse && now < judge_at && now < due) continue;
    known_degraded = degraded();
    judge_at = now + std::chrono::nanoseconds(kJudge).count();
    for (std::size_t ring = 0; ring < rings_.size(); ++ring) rings_[ring].writer = pump.writer(ring);
    const Report found = report();
    if (publish_) {
      const std::string failed = corrector.tell(delays(found));
      if (!failed.empty() && failed != complained) app::log_warning(failed);
      complained = failed;
    }
    std::string failure;
    for (const Comparison& item : found.comparisons)
      failure += std::string(to_string(item.verdict.state)) +
                 (item.verdict.reasons.empty() ? "" : item.verdict.reasons.front().check) + " ";
    // At the beginning one ring's frames are there before the other's.
    const bool all =
        std::all_of(rings_.begin(), rings_.end(), [](const RingState& ring) { return ring.frames > 0; });
    if (now < due && (failure == told || (!all && told.empty()))) continue;
    if (now >= due) due = now + interval_.count();
    told = failure;
    tell(found, true);
    std::string line = plugin_line(found);
    line.pop_back();
    context.notify.status(line);
  }
  return ExitCode::ok;
}

ExitCode Syncmon::run(app::Context& context) {
  begin();
  return watch_ ? watch(context) : check_once(context);
}

}  // namespace camring::syncmon
