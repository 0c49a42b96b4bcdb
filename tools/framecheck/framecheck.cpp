#include "framecheck.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>
#include <utility>

#include "app/log.h"
#include "app/options.h"
#include "app/write_file.h"
#include "base/clock.h"
#include "clock_hour.h"
#include "evidence.h"
#include "media_feed.h"
#include "ring/ring_name.h"

namespace camring::framecheck {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 50ms;
constexpr auto kPatience = 900ms;  // --once ends within a second
constexpr auto kSaveEvery = 60s;

Error usage(const std::string& object, const std::string& reason, const std::string& advice = {}) {
  return {ExitCode::usage, "read options", object, reason, advice};
}

// What stands in for a picture is not usual, however often it is seen.
bool worth_learning(const Verdict& verdict) {
  static constexpr std::array<std::string_view, 11> kNever{"placeholder", "frozen", "black", "white",
                                                           "uniform",     "stale",  "ring",  "signal",
                                                           "roi",         "frames", "size"};
  return std::none_of(verdict.reasons.begin(), verdict.reasons.end(), [](const Reason& reason) {
    return std::find(kNever.begin(), kNever.end(), reason.check) != kNever.end();
  });
}

}  // namespace

const app::ToolInfo& Framecheck::info() const {
  static constexpr app::ToolInfo kInfo{"framecheck", "says whether a camera's picture is all right",
                                       "  framecheck cam0 || echo look at the camera\n"
                                       "  framecheck --image shot.jpg --warning sharpness=100:\n"
                                       "  framecheck cam0 --watch --evidence /var/tmp/cam0\n"
                                       "  framecheck cam0 --learn 24h --baseline cam0.json\n"
                                       "  framecheck cam0 --gate cam0.good --reject cam0.qc\n"};
  return kInfo;
}

void Framecheck::options(CLI::App& cli) {
  cli.add_option("ring,--ring", ring_, "The ring to check")->type_name("RING");
  cli.add_option("--image", image_, "Check an image or a video instead of a ring; - is stdin")
      ->type_name("FILE");
  cli.add_flag("--once", once_, "Check once and end with 0 OK, 1 WARNING, 2 CRITICAL or 3 UNKNOWN (default)");
  cli.add_flag("-w,--watch", watch_, "Check on and on, a JSON object a line");
  app::add_duration(cli, "--interval", interval_,
                    "How often --watch tells what did not change, and --learn looks");
  app::add_int(cli, "--samples", samples_, 1, 1000, "Pictures that medians are taken over [5]");
  cli.add_flag("--json", json_, "With --once: JSON instead of a status line");
  cli.add_option("--warning", warning_, "[RING/]METRIC=RANGE: warn of values outside; once for each metric")
      ->type_name("LIMIT")
      ->allow_extra_args(false);
  cli.add_option("--critical", critical_, "[RING/]METRIC=RANGE: critical when outside; once for each metric")
      ->type_name("LIMIT")
      ->allow_extra_args(false);
  app::add_parsed(cli, "--roi", roi_, vision::parse_region, "Look at this part of the picture only",
                  "WxH+X+Y");
  app::add_duration(cli, "--max-age", limits_.max_age, "How old the newest frame may be");
  app::add_duration(cli, "--freeze-time", limits_.freeze_time,
                    "Frozen is what did not change for so long; 0: never");
  app::add_size(cli, "--expect-size", limits_.size, "The size that pictures must have");
  app::add_rate(cli, "--expect-fps", limits_.rate, "The rate that frames must have, within a tenth");
  cli.add_option("--baseline", baseline_path_, "What is usual at each hour of the day: alarm at what is not")
      ->type_name("FILE");
  app::add_duration(cli, "--learn", learn_, "Watch for so long and write (or go on with) the baseline");
  cli.add_option("--prom", prom_, "Also write a file for node_exporter's textfile collector")
      ->type_name("FILE");
  cli.add_option("--evidence", evidence_, "Save the picture of each new failure there")->type_name("DIR");
  cli.add_option("--gate", gate_.out, "Copy frames that pass to this ring")->type_name("OUT");
  cli.add_option("--reject", gate_.reject, "With --gate: copy the others, with reasons, to this ring")
      ->type_name("QC");
  app::add_int(cli, "--frames", gate_.frames, 2, 65536, "Frames that the rings of --gate hold at least");
  app::add_ring_access(cli, gate_.access);
}

void Framecheck::take_limits(const std::vector<std::string>& words, std::map<Metric, app::Range>& into,
                             const char* option) const {
  std::map<Metric, app::Range> own;  // of this ring: they win, wherever they stand
  for (const std::string& word : words) {
    const auto limit = app::split_limit(word);
    const auto metric = limit ? metric_from(limit->metric) : std::nullopt;
    if (!metric) {
      std::string all;
      for (const MetricInfo& info : metric_table()) all += (all.empty() ? "" : ", ") + std::string(info.name);
      throw usage(option, "'" + word + "' is no METRIC=RANGE", "e.g. sharpness=20: ; metrics are " + all);
    }
    try {
      const app::Range range = app::parse_range(limit->range);
      if (limit->subject.empty()) into[*metric] = range;
      if (!limit->subject.empty() && limit->subject == ring_) own[*metric] = range;
    } catch (const std::invalid_argument& error) {
      throw usage(option, error.what());
    }
  }
  for (const auto& [metric, range] : own) into[metric] = range;
}

void Framecheck::check() {
  if (ring_.empty() == image_.empty()) {
    throw usage("", ring_.empty() ? "nothing to check" : "either a ring or --image",
                "e.g. 'framecheck cam0' or 'framecheck --image shot.jpg'");
  }
  if (!ring_.empty()) check_ring_name(ring_);
  if (watch_ && once_) throw usage("--watch", "it goes not with --once");
  if (interval_ < 50ms) throw usage("--interval", "at most 20 times a second", "e.g. --interval 1s");
  if (!gate_.reject.empty() && gate_.out.empty()) throw usage("--reject", "it goes with --gate");
  if (!gate_.out.empty() && (!image_.empty() || learn_ || watch_ || once_))
    throw usage("--gate", "it works from ring to ring, alone");
  if (!gate_.out.empty() && (json_ || !prom_.empty() || !evidence_.empty()))
    throw usage("--gate", "it goes not with --json, --prom or --evidence",
                "run 'framecheck " + ring_ + " --watch' beside it; --reject QC keeps the pictures");
  for (const std::string& name : {gate_.out, gate_.reject}) {
    if (name.empty()) continue;
    check_ring_name(name);
    if (name == ring_ || gate_.out == gate_.reject) throw usage("--gate", "three different rings are needed");
  }
  if (limits_.max_age <= 0ns) throw usage("--max-age", "every frame has an age", "e.g. --max-age 2s");
  if (learn_ && *learn_ <= 0ns) throw usage("--learn", "nothing is learnt in no time", "e.g. --learn 24h");
  if (learn_ && (baseline_path_.empty() || !image_.empty()))
    throw usage("--learn", "a ring and --baseline FILE are needed",
                "framecheck cam0 --learn 24h --baseline cam0.json");
  const Limits defaults = default_limits();
  limits_.warning = defaults.warning;
  limits_.critical = defaults.critical;
  take_limits(warning_, limits_.warning, "--warning");
  take_limits(critical_, limits_.critical, "--critical");
  if (!evidence_.empty() && !std::filesystem::is_directory(evidence_))
    throw usage("--evidence", "'" + evidence_ + "' is no directory", "make it first");
  subject_ = ring_.empty() ? image_ : ring_;
  gate_.from = ring_;
}

void Framecheck::attempt(const std::function<void()>& write) {
  try {
    write();
    unwritten_.clear("files can be written again");
  } catch (const Error& error) {
    unwritten_.report(error.what());
  }
}

void Framecheck::tell(const Reading& reading, const Verdict& verdict, bool lines) {
  const Report report{subject_, reading, verdict, limits_};
  const std::int64_t now = realtime_ns();
  app::print(lines || json_ ? json_line(report, now) : plugin_line(report));
  if (!prom_.empty()) attempt([&] { app::write_file(prom_, prometheus_text(report, now), "write metrics"); });
}

// A file for Prometheus that still says OK would be worse than none.
void Framecheck::tell_unknown(const std::string& reason) {
  Verdict verdict;
  verdict.add(State::unknown, "check", reason);
  if (json_) return tell(Reading{}, verdict, false);
  app::print(unknown_line(reason));
  const Reading reading;
  const Report report{subject_, reading, verdict, limits_};
  if (!prom_.empty())
    attempt([&] { app::write_file(prom_, prometheus_text(report, realtime_ns()), "write metrics"); });
}

// One picture for each failure that is new, not one for each frame of it.
void Framecheck::keep_evidence(const av::ImageView& picture, const Verdict& verdict) {
  const bool bad = verdict.state == State::warning || verdict.state == State::critical;
  const std::string failure = bad ? verdict.reasons.front().check : "";
  const bool fresh = failure != last_failure_;
  last_failure_ = failure;
  if (!bad || !fresh || evidence_.empty() || !picture) return;
  attempt(
      [&] { app::log_info("saved " + save_evidence(evidence_, subject_, picture, verdict, realtime_ns())); });
}

bool Framecheck::take(const RingFeed& feed, Meter& meter, bool& old) const {
  if (std::exchange(old, feed.older_than(limits_.max_age)) && !old) meter = Meter(roi_, samples_);
  meter.add(feed.picture(), feed.frame().info);
  if (feed.intact()) return true;
  meter.take_back();
  return false;
}

// Reads the newest frames that are there, and goes on while what it saw proves neither life nor freeze.
void Framecheck::look(RingFeed& feed, Meter& meter, const app::Stop& stop) const {
  const std::int64_t end = monotonic_ns() + std::chrono::nanoseconds(kPatience).count();
  bool old = false;
  feed.rewind(samples_);
  while (!stop.requested() && monotonic_ns() < end) {
    const Reading& reading = meter.reading();
    const bool undecided = reading.equal_frames > 0 && reading.equal_for < limits_.freeze_time;
    if (reading.pictures >= samples_ && !undecided && !old) return;
    if (!feed.reader().attached() && reading.pictures == 0) {
      (void)feed.next(kLook, false);
      if (!feed.reader().attached()) return;
    }
    if (feed.next(kLook, false) == RingFeed::Got::picture) (void)take(feed, meter, old);
  }
}

ExitCode Framecheck::check_ring(const app::Stop& stop) {
  RingFeed feed(ring_);
  Meter meter(roi_, samples_);
  look(feed, meter, stop);
  Reading reading = meter.reading();
  feed.add_state(reading.values);
  Verdict verdict = judge(reading, limits_, baseline(), hour_now());
  feed.judge_writer(verdict);
  if (reading.pictures == 0 && verdict.reasons.empty()) {
    verdict.add(State::critical, "frames", "no frame that can be read came in " + duration_text(kPatience));
  }
  if (feed.intact()) keep_evidence(feed.picture(), verdict);
  tell(reading, verdict, false);
  return static_cast<ExitCode>(verdict.state);
}

ExitCode Framecheck::check_media(const app::Stop& stop) {
  MediaFeed feed(image_);
  Meter meter(roi_, samples_);
  Verdict verdict;
  Reading reading;
  while (!stop.requested() && (watch_ || meter.reading().pictures < samples_) && feed.next()) {
    meter.add(feed.picture(), feed.info());
    reading = meter.reading();
    verdict = judge(reading, limits_, baseline(), hour_now());
    keep_evidence(feed.picture(), verdict);
    if (watch_) tell(reading, verdict, true);
    if (std::ferror(stdout) != 0 || reading.region_outside) break;
  }
  if (reading.pictures == 0 && !reading.region_outside)
    throw Error(ExitCode::data, "read picture", image_, "nothing in it can be decoded", "is it damaged?");
  if (watch_) return ExitCode::ok;
  tell(reading, verdict, false);
  return static_cast<ExitCode>(verdict.state);
}

ExitCode Framecheck::check_once(app::Context& context) {
  try {
    if (!baseline_path_.empty()) baseline_ = Baseline::load(baseline_path_);
    return image_.empty() ? check_ring(context.stop) : check_media(context.stop);
  } catch (const Error& error) {
    // A check that can't be made is UNKNOWN to monitoring systems, whatever the reason.
    tell_unknown(error.what());
    return static_cast<ExitCode>(State::unknown);
  }
}

ExitCode Framecheck::watch_ring(app::Context& context) {
  RingFeed feed(ring_);
  Meter meter(roi_, samples_);
  const std::int64_t end = learn_ ? monotonic_ns() + learn_->count() : INT64_MAX;
  std::int64_t due = monotonic_ns() + interval_.count(),
               save = monotonic_ns() + std::chrono::nanoseconds(kSaveEvery).count();
  const std::int64_t patience = monotonic_ns() + std::chrono::nanoseconds(kPatience).count();
  std::string told;
  std::uint64_t looks = 0;
  bool fresh = false;  // a picture came since the baseline learnt the last
  bool old = false;
  while (!context.stop.requested() && monotonic_ns() < end && std::ferror(stdout) == 0) {
    const RingFeed::Got got = feed.next(kLook, true);
    if (got == RingFeed::Got::picture) {
      if (take(feed, meter, old)) fresh = true;
      context.notify.ready();
      context.notify.alive();
    }
    // An old picture at the beginning may be that of a ring that nobody had asked for new ones.
    if (old && monotonic_ns() < patience) continue;
    Reading reading = meter.reading();
    feed.add_state(reading.values);
    Verdict verdict = judge(reading, limits_, learn_ ? nullptr : baseline(), hour_now());
    feed.judge_writer(verdict);
    if (got == RingFeed::Got::picture && feed.intact()) keep_evidence(feed.picture(), verdict);
    const std::string failure = std::string(to_string(verdict.state)) +
                                (verdict.reasons.empty() ? "" : verdict.reasons.front().check);
    const std::int64_t now = monotonic_ns();
    const bool changed = failure != told && reading.pictures != 0, due_now = now >= due;
    if (!due_now && !changed) continue;
    if (due_now) due = now + interval_.count();
    told = failure;
    if (watch_ || !learn_) tell(reading, verdict, true);
    context.notify.status(std::string(to_string(verdict.state)) +
                          (verdict.reasons.empty() ? "" : ": " + verdict.reasons.front().text));
    if (!learn_ || !due_now || !fresh || !worth_learning(verdict)) continue;
    fresh = false;
    ++looks;
    baseline_->learn(hour_now(), reading.values);
    if (now < save) continue;
    attempt([&] { baseline_->save(baseline_path_, ring_); });
    save = now + std::chrono::nanoseconds(kSaveEvery).count();
  }
  if (learn_) end_learning(looks);
  return ExitCode::ok;
}

void Framecheck::end_learning(std::uint64_t looks) const {
  if (looks == 0) {
    throw Error(ExitCode::temporary, "learn baseline", ring_, "no picture came that could be learnt from",
                "see 'framecheck " + ring_ + "'");
  }
  baseline_->save(baseline_path_, ring_);
  app::log_info("learnt from " + std::to_string(looks) + " looks: " + baseline_path_);
  const int hour = hour_now();
  if (!baseline_->usual(hour, Metric::brightness)) {
    app::log_warning("too little is known of the hour from " + std::to_string(hour) +
                     " o'clock to alarm at it: ten looks are needed, " + duration_text(interval_) + " apart");
  }
}

ExitCode Framecheck::run(app::Context& context) {
  av_log_set_level(AV_LOG_QUIET);
  if (gate_.out.empty() && !watch_ && !learn_) return check_once(context);
  if (!baseline_path_.empty()) {
    const bool there = std::filesystem::exists(baseline_path_);
    baseline_ = learn_ && !there ? Baseline() : Baseline::load(baseline_path_);
  }
  if (!gate_.out.empty()) {
    Gate(gate_, limits_, baseline(), roi_, context).run();
    return ExitCode::ok;
  }
  return image_.empty() ? watch_ring(context) : check_media(context.stop);
}

}  // namespace camring::framecheck
