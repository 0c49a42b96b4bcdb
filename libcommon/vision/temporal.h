// What changes from one picture to the next: sensor noise that is there in every living picture, movement,
// and the absence of both.
#pragma once

#include <cstdint>
#include <vector>

#include "vision/luma.h"

namespace camring::vision {

/// On the scale of full-range luma.
struct TemporalStats {
  bool comparable = false;  ///< there was a picture of the same size before
  double changed = 0;       ///< share of samples that are not exactly as before; 0 is a frozen picture
  double noise = 0;         ///< sigma of one picture's noise, from the quietest quarter of blocks of 32x32
  double motion = 0;        ///< share of blocks that change by more than noise explains
};

/// Compares each picture with the one before, of which it keeps a copy. One thread at a time.
class TemporalMeter {
 public:
  [[nodiscard]] TemporalStats measure(const LumaView& luma);
  void forget() noexcept { size_ = {}; }

 private:
  std::vector<std::uint8_t> before_;
  std::vector<float> deviations_, sorted_;
  Size size_;
};

}  // namespace camring::vision
