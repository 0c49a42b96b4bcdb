// Messages on stderr: one line each, for people or as JSON. A fault that repeats is reported once, then
// counted.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>

namespace camring::app {

enum class LogLevel : int { error = 0, warning = 1, info = 2, debug = 3 };
enum class LogFormat { text, json };

/// Sets up logging for the process; called once by run_tool before any thread starts. Under the journal
/// (stderr is $JOURNAL_STREAM) text lines get the syslog priority prefix.
void log_setup(std::string tool, LogLevel level, LogFormat format);
[[nodiscard]] LogLevel log_level() noexcept;

/// One line "tool: message" on stderr. From any thread; one write(2) a line, so lines never mix.
void log(LogLevel level, std::string_view message);
inline void log_error(std::string_view message) { log(LogLevel::error, message); }
inline void log_warning(std::string_view message) { log(LogLevel::warning, message); }
inline void log_info(std::string_view message) { log(LogLevel::info, message); }
inline void log_debug(std::string_view message) { log(LogLevel::debug, message); }

/// A condition that lasts or repeats: the first report is logged, further ones with the same text are only
/// counted (they may be looks at the same fault), and clear() logs that it is over and how long it was there.
/// From any thread.
class RepeatingFault {
 public:
  explicit RepeatingFault(LogLevel level = LogLevel::warning) : level_(level) {}
  void report(std::string_view message);
  void clear(std::string_view message);  ///< logs at info if the fault had been reported; else nothing
  [[nodiscard]] bool reported() const noexcept {
    return reported_.load(std::memory_order_relaxed);
  }  ///< not cleared
  [[nodiscard]] std::uint64_t count() const noexcept { return count_.load(std::memory_order_relaxed); }

 private:
  LogLevel level_;
  std::atomic<bool> reported_{false};
  std::mutex mutex_;
  std::string text_;
  std::int64_t since_ns_ = 0;  // CLOCK_MONOTONIC; of the first report since the last clear
  std::atomic<std::uint64_t> count_{0};
};

}  // namespace camring::app
