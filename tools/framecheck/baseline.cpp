#include "baseline.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "app/write_file.h"
#include "base/error.h"

namespace camring::framecheck {
namespace {

constexpr std::uint64_t kEnough = 10;
constexpr int kVersion = 1;
constexpr double kMost = 1e9;
constexpr std::uint64_t kMostCount = 1'000'000'000'000;
constexpr std::size_t kMostBytes = 1 << 20;  // all hours and metrics take 12 KiB

using nlohmann::json;

[[noreturn]] void damaged(const std::string& path, const std::string& reason) {
  throw Error(ExitCode::data, "read baseline", path, reason,
              "learn it again: framecheck RING --learn 24h --baseline FILE");
}

// No figure of a picture comes near this, and squares of it times any count stay finite.
double number(const json& value) {
  const double number = value.get<double>();
  if (std::abs(number) > kMost) throw std::out_of_range("a number is out of bounds");
  return number;
}

std::uint64_t count_of(const json& value) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() > kMostCount)
    throw std::out_of_range("a count is no whole number, or out of bounds");
  return value.get<std::uint64_t>();
}

std::size_t hour_of(const std::string& text) {
  std::size_t hour = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), hour);
  if (error != std::errc() || end != text.data() + text.size() || hour > 23)
    throw std::out_of_range("there is no hour '" + text + "'");
  return hour;
}

double deviation_of(double squares, std::uint64_t count) {
  return std::sqrt(squares / static_cast<double>(std::max<std::uint64_t>(count, 1)));
}

const json& object(const json& value) {
  if (!value.is_object()) throw std::invalid_argument("hours and metrics are objects");
  return value;
}

}  // namespace

const std::array<Metric, 5>& baseline_metrics() noexcept {
  static constexpr std::array<Metric, 5> kMetricsLearnt{Metric::sharpness, Metric::brightness,
                                                        Metric::contrast, Metric::noise, Metric::cast};
  return kMetricsLearnt;
}

Baseline Baseline::load(const std::string& path) {
  std::ifstream file(path);
  if (!file)
    throw system_error(errno, "read baseline", path, "learn it first: --learn 24h", ExitCode::no_input);
  std::string content(kMostBytes + 1, '\0');
  file.read(content.data(), static_cast<std::streamsize>(content.size()));
  if (file.bad()) throw system_error(errno, "read baseline", path);
  content.resize(static_cast<std::size_t>(file.gcount()));
  return parse(content, path);
}

Baseline Baseline::parse(std::string_view content, const std::string& path) {
  if (content.size() > kMostBytes) damaged(path, "it is too large");
  Baseline baseline;
  try {
    const json root = json::parse(content);
    if (root.at("camring_baseline") != kVersion) damaged(path, "it is of another version");
    for (const auto& [hour, metrics] : object(root.at("hours")).items()) {
      auto& sums = baseline.hours_[hour_of(hour)];
      for (const auto& [name, entry] : object(metrics).items()) {
        const auto metric = metric_from(name);
        if (!metric) throw std::invalid_argument("there is no metric '" + name + "'");
        const double deviation = number(entry.at("deviation"));
        if (deviation < 0) throw std::out_of_range("a deviation is negative");
        Sum sum{count_of(entry.at("count")), number(entry.at("mean")), 0};
        sum.squares = deviation * deviation * static_cast<double>(sum.count);
        sums[*metric] = sum;
      }
    }
  } catch (const json::exception& error) {
    damaged(path, std::string("it is damaged: ") + error.what());
  } catch (const std::logic_error& error) {
    damaged(path, std::string("it is damaged: ") + error.what());
  }
  return baseline;
}

std::string Baseline::content(const std::string& subject) const {
  nlohmann::ordered_json root{
      {"camring_baseline", kVersion}, {"subject", subject}, {"hours", nlohmann::ordered_json::object()}};
  for (std::size_t hour = 0; hour < hours_.size(); ++hour) {
    for (const auto& [metric, sum] : hours_[hour]) {
      root["hours"][std::to_string(hour)][info_of(metric).name] = {
          {"count", sum.count},
          {"mean", sum.mean},
          {"deviation", std::min(kMost, deviation_of(sum.squares, sum.count))}};
    }
  }
  return root.dump(1) + "\n";
}

void Baseline::save(const std::string& path, const std::string& subject) const {
  app::write_file(path, content(subject), "write baseline");
}

void Baseline::learn(int hour, const Values& values) {
  for (const Metric metric : baseline_metrics()) {
    const auto& value = values[metric];
    if (!value) continue;
    Sum& sum = hours_.at(static_cast<std::size_t>(hour))[metric];
    if (sum.count < kMostCount)
      ++sum.count;
    else
      sum.squares -= sum.squares / static_cast<double>(sum.count);
    const double off = *value - sum.mean;
    sum.mean += off / static_cast<double>(sum.count);
    sum.squares += off * (*value - sum.mean);
  }
}

std::optional<Baseline::Usual> Baseline::usual(int hour, Metric metric) const {
  const auto& metrics = hours_.at(static_cast<std::size_t>(hour));
  const auto found = metrics.find(metric);
  if (found == metrics.end() || found->second.count < kEnough) return {};
  const Sum& sum = found->second;
  return Usual{sum.count, sum.mean, deviation_of(sum.squares, sum.count)};
}

}  // namespace camring::framecheck
