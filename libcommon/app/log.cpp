#include "app/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <ctime>

#include "base/clock.h"

namespace camring::app {
namespace {

struct Settings {
  std::string tool = "camring";
  std::atomic<int> level{static_cast<int>(LogLevel::info)};
  LogFormat format = LogFormat::text;
  bool journal = false;
};
Settings g_settings;  // written before threads start; the level is atomic

constexpr std::array<const char*, 4> kNames{"error", "warning", "info", "debug"};
constexpr std::array<int, 4> kPriorities{3, 4, 6, 7};  // syslog(3)

// $JOURNAL_STREAM is "device:inode" of the stream that leads to the journal (systemd.exec(5)).
bool stderr_is_journal() {
  const char* stream = std::getenv("JOURNAL_STREAM");  // NOLINT(concurrency-mt-unsafe): before threads
  struct stat status {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &status) != 0) return false;
  return std::to_string(status.st_dev) + ":" + std::to_string(status.st_ino) == stream;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (static_cast<unsigned char>(c) < 0x20) {
      std::array<char, 8> escape{};
      std::snprintf(escape.data(), escape.size(), "\\u%04x",
                    static_cast<unsigned>(static_cast<unsigned char>(c)));
      out += escape.data();
    } else {
      out += c;
    }
  }
  out += '"';
}

std::string json_line(LogLevel level, std::string_view message) {
  const std::int64_t now = realtime_ns();
  const std::time_t seconds = now / 1'000'000'000;
  std::tm utc{};
  ::gmtime_r(&seconds, &utc);
  std::array<char, 32> date{};
  std::array<char, 48> stamp{};
  std::strftime(date.data(), date.size(), "%Y-%m-%dT%H:%M:%S", &utc);
  std::snprintf(stamp.data(), stamp.size(), "%s.%06dZ", date.data(),
                static_cast<int>(now % 1'000'000'000 / 1000));
  std::string line = "{\"time\":\"" + std::string(stamp.data()) + "\",\"level\":\"" +
                     kNames.at(static_cast<std::size_t>(level)) + "\",\"tool\":";
  append_json_string(line, g_settings.tool);
  line += ",\"message\":";
  append_json_string(line, message);
  return line + "}\n";
}

}  // namespace

void log_setup(std::string tool, LogLevel level, LogFormat format) {
  g_settings.tool = std::move(tool);
  g_settings.level = static_cast<int>(level);
  g_settings.format = format;
  g_settings.journal = stderr_is_journal();
}

LogLevel log_level() noexcept {
  return static_cast<LogLevel>(g_settings.level.load(std::memory_order_relaxed));
}

void log(LogLevel level, std::string_view message) {
  if (level > log_level()) return;
  std::string line;
  if (g_settings.format == LogFormat::json) {
    line = json_line(level, message);
  } else {
    if (g_settings.journal)
      line = "<" + std::to_string(kPriorities.at(static_cast<std::size_t>(level))) + ">";
    line += g_settings.tool + ": ";
    // One event is one line, whatever a library or a peer put into its text.
    for (const char c : message) line += c == '\n' || c == '\r' ? ' ' : c;
    line += '\n';
  }
  // A full or closed stderr must not hurt the tool.
  [[maybe_unused]] const auto written = ::write(STDERR_FILENO, line.data(), line.size());
}

void RepeatingFault::report(std::string_view message) {
  count_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  if (text_ == message) return;
  if (text_.empty()) since_ns_ = monotonic_ns();
  text_ = message;
  reported_.store(true, std::memory_order_relaxed);
  log(level_, message);
}

void RepeatingFault::clear(std::string_view message) {
  const std::lock_guard lock(mutex_);
  if (text_.empty()) return;
  text_.clear();
  reported_.store(false, std::memory_order_relaxed);
  const std::int64_t seconds = (monotonic_ns() - since_ns_) / 1'000'000'000;
  log(LogLevel::info, seconds > 0 ? std::string(message) + ", after " + std::to_string(seconds) + " s"
                                  : std::string(message));
}

}  // namespace camring::app
