#include "shmcat.h"

#include <unistd.h>

#include "app/log.h"
#include "app/options.h"
#include "base/clock.h"
#include "ring/ring_name.h"
#include "sink.h"
#include "snapshot.h"

namespace camring::shmcat {
namespace {

using namespace std::chrono_literals;

constexpr auto kLook = 100ms;
constexpr auto kSnapshotPatience = 5s;

ReadStart start_from(const std::string& name) {
  if (name == "live") return ReadStart::live;
  if (name == "oldest") return ReadStart::oldest;
  return ReadStart::newest;
}

}  // namespace

const app::ToolInfo& Shmcat::info() const {
  static constexpr app::ToolInfo kInfo{
      "shmcat", "writes a ring's frames to standard output",
      "  shmcat cam0 | ffplay -\n"
      "  shmcat cam0 --frames 300 --format nut > ten-seconds.nut\n"
      "  shmcat cam0 --snapshot shot.jpg\n"
      "  shmcat cam0 --wait-fresh 2s --frames 1 > /dev/null || echo no pictures\n"};
  return kInfo;
}

void Shmcat::options(CLI::App& cli) {
  cli.add_option("ring,--ring", ring_, "The ring to read")->type_name("RING");
  cli.add_option("-f,--format", format_,
                 "y4m, raw, mjpeg, h264, hevc or nut [what the ring holds; y4m for raw frames]")
      ->type_name("FORMAT");
  app::add_int(cli, "-n,--frames", frames_, 1, INT64_MAX, "End after N frames");
  cli.add_option("--snapshot", snapshot_, "Write the newest frame to FILE (.jpg, .ppm or .raw) and end")
      ->type_name("FILE");
  cli.add_option("--start", start_, "Begin with the newest, the oldest or the next (live) frame [newest]")
      ->type_name("WHERE");
  cli.add_option_function<std::string>(
         "--wait",
         [this](const std::string& text) {
           wait_ = true;
           try {
             if (!text.empty()) wait_time_ = parse_duration(text);
           } catch (const std::invalid_argument& error) {
             not_a_time_ = {text, error.what()};  // 'shmcat --wait cam0': the ring
           }
         },
         "Wait for a ring that is not there yet, at most TIME [for ever]")
      ->type_name("TIME")
      ->expected(0, 1);
  app::add_duration(cli, "--wait-fresh", wait_fresh_,
                    "Take only frames captured from now on; end with code 75 when none comes in TIME");
  cli.add_flag("--until-end", until_end_,
               "End when the ring's writer ends, instead of waiting for the next one");
}

void Shmcat::check() {
  if (!not_a_time_.first.empty()) {
    if (!ring_.empty()) throw Error(ExitCode::usage, "read options", "--wait", not_a_time_.second);
    ring_ = not_a_time_.first;
  }
  if (ring_.empty()) {
    throw Error(ExitCode::usage, "read options", "", "no ring named",
                "e.g. 'shmcat cam0'; 'shmstat' lists rings");
  }
  check_ring_name(ring_);
  if (!format_.empty()) {
    const auto kind = container_from(format_);
    if (!kind) {
      throw Error(ExitCode::usage, "read options", "--format", "'" + format_ + "' is no format",
                  "write y4m, raw, mjpeg, h264, hevc or nut");
    }
    kind_ = *kind;
  }
  if (start_ != "newest" && start_ != "oldest" && start_ != "live") {
    throw Error(ExitCode::usage, "read options", "--start", "'" + start_ + "' is no place to start",
                "write newest, oldest or live");
  }
  if (!snapshot_.empty()) check_snapshot_name(snapshot_);
  if (!snapshot_.empty() && (frames_ != 0 || !format_.empty())) {
    throw Error(ExitCode::usage, "read options", "--snapshot", "it goes with neither --frames nor --format",
                "the file's ending says the format");
  }
}

void Shmcat::wait_for_ring(RingReader& reader, const app::Stop& stop) const {
  const std::int64_t end = wait_time_.count() == 0 ? INT64_MAX : monotonic_ns() + wait_time_.count();
  FrameView ignored;
  while (!reader.attached() && !stop.requested()) {
    if (!wait_) {
      throw Error(ExitCode::no_input, "read ring", ring_, "no such ring",
                  "'shmstat' lists those that are there; --wait waits for one");
    }
    if (monotonic_ns() > end) {
      throw Error(ExitCode::no_input, "read ring", ring_, "it did not come in " + duration_text(wait_time_),
                  "is its writer running?");
    }
    (void)reader.next(ignored, kLook);
  }
}

void Shmcat::too_late(const RingReader& reader) const {
  throw Error(ExitCode::temporary, "read ring", ring_,
              "no fresh frame in " + duration_text(wait_fresh_.value_or(kSnapshotPatience)) +
                  " (its writer: " + std::string(to_string(reader.writer_state())) + ")",
              "'shmstat " + ring_ + "' shows more");
}

// The next whole frame's bytes, copied and checked.
Shmcat::Got Shmcat::next(RingReader& reader, FrameView& view, std::vector<std::uint8_t>& payload,
                         const Sink& sink, const app::Stop& stop) {
  const std::int64_t patience = wait_fresh_.value_or(0ns).count();
  while (!stop.requested()) {
    switch (reader.next(view, kLook)) {
      case ReadStatus::frame:
        if ((wait_fresh_ && view.info.capture_ns < begun_ns_) || !reader.copy(view, payload)) break;
        fresh_seen_ = true;
        corrupt_.clear("ring " + ring_ + " makes sense again");
        return Got::frame;
      case ReadStatus::moved:
        app::log_debug("now reading " + describe(reader.format()));
        break;
      case ReadStatus::corrupt:
        corrupt_.report("ring " + ring_ + " makes no sense; trying to open it again");
        break;
      case ReadStatus::timeout:
        if (until_end_ && reader.writer_state() == WriterState::ended) return Got::ended;
        if (sink.closed()) return Got::ended;
        break;
    }
    if (patience != 0 && !fresh_seen_ && monotonic_ns() - begun_ns_ > patience) too_late(reader);
  }
  return Got::stopped;
}

ExitCode Shmcat::copy_frames(RingReader& reader, const app::Stop& stop) {
  Sink sink(STDOUT_FILENO, stop);
  std::unique_ptr<Container> container;
  FrameView view;
  std::vector<std::uint8_t> payload, bytes;
  std::uint64_t epoch = 0;
  Codec codec = Codec::none;
  bool open = true;
  for (std::uint64_t count = 0; open && (frames_ == 0 || count < frames_); ++count) {
    if (next(reader, view, payload, sink, stop) != Got::frame) break;
    if (!container) {
      container = make_container(kind_, reader.format());
      codec = reader.format().codec;
    }
    if (reader.format().codec != codec) {
      throw Error(ExitCode::data, "read ring", ring_,
                  "its frames are now " + describe(reader.format()) + ", and the stream can't become that",
                  "start shmcat again");
    }
    if (epoch != reader.epoch()) container->format(reader.format());
    epoch = reader.epoch();
    bytes.clear();
    container->frame(view.info, payload, bytes);
    open = sink.write(bytes) == Sink::Result::ok;
  }
  if (container && open && !stop.requested()) {
    bytes.clear();
    container->end(bytes);
    (void)sink.write(bytes);
  }
  app::log_debug("missed " + std::to_string(reader.missed()) + " of " +
                 std::to_string(reader.seen() + reader.missed()) + " frames");
  return ExitCode::ok;
}

ExitCode Shmcat::take_snapshot(RingReader& reader, const app::Stop& stop) {
  const std::int64_t end = monotonic_ns() + wait_fresh_.value_or(kSnapshotPatience).count();
  FrameView view;
  std::vector<std::uint8_t> payload;
  while (!stop.requested()) {
    if (reader.newest(view, kLook) == ReadStatus::frame &&
        (!wait_fresh_ || view.info.capture_ns >= begun_ns_) && reader.copy(view, payload)) {
      write_snapshot(snapshot_, reader.format(), payload);
      return ExitCode::ok;
    }
    if (monotonic_ns() > end) too_late(reader);
  }
  return ExitCode::ok;
}

ExitCode Shmcat::run(app::Context& context) {
  if (snapshot_.empty() && ::isatty(STDOUT_FILENO) == 1) {
    throw Error(ExitCode::usage, "write frames", "stdout", "a terminal can't show them",
                "pipe them: shmcat " + ring_ + " | ffplay -, or > file, or --snapshot FILE");
  }
  ReaderOptions options;
  options.start = wait_fresh_ ? ReadStart::live : start_from(start_);
  options.connect = true;
  options.label = "shmcat";
  RingReader reader(ring_, options);
  wait_for_ring(reader, context.stop);
  begun_ns_ = monotonic_ns();
  if (!snapshot_.empty()) return take_snapshot(reader, context.stop);
  return copy_frames(reader, context.stop);
}

}  // namespace camring::shmcat
