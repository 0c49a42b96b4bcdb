#include "baseline.h"

#include <cerrno>
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

using nlohmann::json;

[[noreturn]] void damaged(const std::string& path, const std::string& reason) {
  throw Error(ExitCode::data, "read baseline", path, reason,
              "learn it again: framecheck RING --learn 24h --baseline FILE");
}

double number(const json& value) {
  const double number = value.get<double>();
  if (!std::isfinite(number)) throw std::out_of_range("a number is not finite");
  return number;
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
  Baseline baseline;
  try {
    const json root = json::parse(file);
    if (root.at("camring_baseline").get<int>() != kVersion) damaged(path, "it is of another version");
    for (const auto& [hour, metrics] : root.at("hours").items()) {
      const std::size_t at = std::stoul(hour);
      if (at > 23) damaged(path, "there is no hour " + hour);
      for (const auto& [name, entry] : metrics.items()) {
        const auto metric = metric_from(name);
        if (!metric) damaged(path, "there is no metric '" + name + "'");
        const double deviation = number(entry.at("deviation"));
        Sum sum{entry.at("count").get<std::uint64_t>(), number(entry.at("mean")), 0};
        if (deviation < 0) damaged(path, "a deviation is negative");
        sum.squares = deviation * deviation * static_cast<double>(sum.count);
        baseline.hours_[at][*metric] = sum;
      }
    }
  } catch (const json::exception& error) {
    damaged(path, std::string("it is damaged: ") + error.what());
  } catch (const std::logic_error& error) {  // stoul's and number's
    damaged(path, std::string("it is damaged: ") + error.what());
  }
  return baseline;
}

void Baseline::save(const std::string& path, const std::string& subject) const {
  nlohmann::ordered_json root{
      {"camring_baseline", kVersion}, {"subject", subject}, {"hours", nlohmann::ordered_json::object()}};
  for (std::size_t hour = 0; hour < hours_.size(); ++hour) {
    for (const auto& [metric, sum] : hours_[hour]) {
      root["hours"][std::to_string(hour)][info_of(metric).name] = {
          {"count", sum.count},
          {"mean", sum.mean},
          {"deviation", std::sqrt(sum.squares / static_cast<double>(std::max<std::uint64_t>(sum.count, 1)))}};
    }
  }
  app::write_file(path, root.dump(1) + "\n", "write baseline");
}

void Baseline::learn(int hour, const Values& values) {
  for (const Metric metric : baseline_metrics()) {
    const auto& value = values[metric];
    if (!value) continue;
    Sum& sum = hours_.at(static_cast<std::size_t>(hour))[metric];
    ++sum.count;
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
  return Usual{sum.count, sum.mean, std::sqrt(sum.squares / static_cast<double>(sum.count))};
}

}  // namespace camring::framecheck
