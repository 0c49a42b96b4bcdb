#include "report.h"

#include <sys/resource.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <fstream>
#include <thread>

#include "base/clock.h"

namespace bench {
namespace {

std::string value_of(const std::string& path, const std::string& key) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(key)) continue;
    std::string value = line.substr(line.find_first_of("=:") + 1);
    std::erase(value, '"');
    return value.substr(std::min(value.find_first_not_of(' '), value.size()));
  }
  return "unknown";
}

double busy_seconds() {
  std::ifstream file("/proc/stat");
  std::string cpu;
  double user = 0, nice = 0, system = 0;
  file >> cpu >> user >> nice >> system;
  return (user + nice + system) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

double own_seconds() {
  double total = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime})
      total += static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  }
  return total;
}

}  // namespace

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 != 0 ? values[half] : (values[half - 1] + values[half]) / 2;
}

std::string digits(double value) {
  const double size = std::abs(value);
  char text[32];
  std::snprintf(text, sizeof text, "%.*f", size >= 100 ? 0 : size >= 10 ? 1 : 2, value);
  return text;
}

std::string ratio(double value, double base) {
  if (base <= 0) return "";
  char text[32];
  std::snprintf(text, sizeof text, "%.2f", value / base);
  return text;
}

std::vector<std::string> split(const std::string& list) {
  std::vector<std::string> parts;
  for (std::size_t at = 0; at < list.size();) {
    const std::size_t end = std::min(list.find(',', at), list.size());
    parts.push_back(list.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

Table::Table(const std::vector<std::string>& head) {
  row(head);
  row(std::vector<std::string>(head.size(), "---"));
}

void Table::row(const std::vector<std::string>& cells) {
  for (const std::string& cell : cells) std::printf("| %s ", cell.c_str());
  std::printf("|\n");
  std::fflush(stdout);
}

std::string machine() {
  utsname kernel{};
  ::uname(&kernel);
  return std::to_string(std::thread::hardware_concurrency()) + " cores (" +
         value_of("/proc/cpuinfo", "model name") + "), Linux " + kernel.release + ", " +
         value_of("/etc/os-release", "PRETTY_NAME");
}

Disturbance::Disturbance()
    : began_ns_(camring::monotonic_ns()), busy_s_(busy_seconds()), own_s_(own_seconds()) {}

double Disturbance::share() const {
  const double others = (busy_seconds() - busy_s_) - (own_seconds() - own_s_);
  const double wall = static_cast<double>(camring::monotonic_ns() - began_ns_) * 1e-9;
  return std::max(0.0, others / wall / std::thread::hardware_concurrency());
}

}  // namespace bench
