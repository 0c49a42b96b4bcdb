#include "vision/luma_pass.h"

namespace camring::vision::pass {

#include "vision/luma_pass_loops.h"

const Functions& portable_functions() noexcept {
  static constexpr Functions kPortable{add_band, difference, add_steps, add_difference};
  return kPortable;
}

const Functions& functions() noexcept {
#if defined(__x86_64__)
  static constexpr Functions kAvx2{avx2::add_band, avx2::difference, avx2::add_steps, avx2::add_difference};
  static const bool wide = __builtin_cpu_supports("avx2") != 0;
  if (wide) return kAvx2;
#endif
  return portable_functions();
}

}  // namespace camring::vision::pass
