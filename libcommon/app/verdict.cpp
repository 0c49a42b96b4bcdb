#include "app/verdict.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cmath>
#include <cstdio>

#include "base/error.h"

namespace camring::app {

const char* to_string(State state) noexcept {
  switch (state) {
    case State::ok:
      return "OK";
    case State::warning:
      return "WARNING";
    case State::critical:
      return "CRITICAL";
    case State::unknown:
      break;
  }
  return "UNKNOWN";
}

void Verdict::add(State added, std::string check, std::string text) {
  // CRITICAL, then WARNING, then UNKNOWN: a fault that is certain is not hidden by one that is not.
  const auto rank = [](State s) {
    return s == State::critical ? 3 : s == State::warning ? 2 : s == State::unknown ? 1 : 0;
  };
  if (rank(added) > rank(state)) state = added;
  const auto place = std::find_if(reasons.begin(), reasons.end(),
                                  [&](const Reason& reason) { return rank(reason.state) < rank(added); });
  reasons.insert(place, {added, std::move(check), std::move(text)});
}

std::string Verdict::text() const {
  std::string all;
  for (const Reason& reason : reasons) all += (all.empty() ? "" : "; ") + reason.text;
  return all;
}

std::optional<LimitWords> split_limit(const std::string& word) {
  const auto equals = word.find('=');
  if (equals == std::string::npos) return {};
  LimitWords words{"", word.substr(0, equals), word.substr(equals + 1)};
  if (const auto slash = words.metric.find('/'); slash != std::string::npos) {
    words.subject = words.metric.substr(0, slash);
    words.metric.erase(0, slash + 1);
  }
  return words;
}

std::string status_line(const std::string& tool, State state, const std::string& text,
                        const std::string& perfdata) {
  std::string line = tool + " " + to_string(state) + " - " + text;
  std::replace_if(
      line.begin(), line.end(), [](unsigned char c) { return c == '|' || c < ' '; }, ' ');
  if (!perfdata.empty()) line += " | " + perfdata;
  return line + "\n";
}

std::string short_number(double value) {
  const int whole = value == 0 ? 1 : static_cast<int>(std::floor(std::log10(std::abs(value)))) + 1;
  std::array<char, 340> text{};
  std::snprintf(text.data(), text.size(), "%.*f", std::clamp(4 - whole, 0, 6), value);
  std::string out = text.data();
  if (out.find('.') == std::string::npos) return out;
  out.erase(out.find_last_not_of('0') + 1);
  if (out.back() == '.') out.pop_back();
  return out;
}

std::string prometheus_label(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string prometheus_head(const std::string& name, const std::string& help) {
  return "# HELP " + name + " " + help + "\n# TYPE " + name + " gauge\n";
}

void print(const std::string& text) {
  if ((std::fputs(text.c_str(), stdout) < 0 || std::fflush(stdout) != 0) && errno != EPIPE)
    throw Error(ExitCode::system, "write", "stdout", errno_text(errno));
}

}  // namespace camring::app
