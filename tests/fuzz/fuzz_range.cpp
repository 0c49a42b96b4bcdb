// Ranges of --warning and --critical. What is read is written and read again, as perfdata has it.
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string_view>

#include "app/range.h"

using namespace camring::app;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Range range;
  try {
    range = parse_range({reinterpret_cast<const char*>(data), size});
  } catch (const std::invalid_argument&) {
    return 0;
  }
  if (!(range.start <= range.end)) std::abort();
  const Range again = parse_range(to_string(range));  // throws nothing
  if (again.start != range.start || again.end != range.end || again.inside != range.inside) std::abort();
  return 0;
}
