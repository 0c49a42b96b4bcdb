// A baseline: a file that anybody may have edited. What is read is written and read again.
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "baseline.h"

using namespace camring::framecheck;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Baseline baseline;
  try {
    baseline = Baseline::parse({reinterpret_cast<const char*>(data), size}, "file");
  } catch (const camring::Error& error) {
    if (error.code() != camring::ExitCode::data) std::abort();
    return 0;
  }
  Values values;
  for (const Metric metric : baseline_metrics()) values[metric] = 50;
  baseline.learn(3, values);
  const Baseline again = Baseline::parse(baseline.content("cam0"), "file");  // throws nothing
  for (int hour = 0; hour < 24; ++hour) {
    for (const Metric metric : baseline_metrics()) {
      const auto usual = baseline.usual(hour, metric), read = again.usual(hour, metric);
      if (usual.has_value() != read.has_value()) std::abort();
      if (usual && (usual->count != read->count || usual->mean != read->mean || !(usual->deviation >= 0) ||
                    !std::isfinite(usual->deviation)))
        std::abort();
    }
  }
  return 0;
}
