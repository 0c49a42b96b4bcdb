// The same loops for processors with AVX2; luma_pass.cpp picks.
#include "vision/luma_pass.h"

namespace camring::vision::pass::avx2 {

#include "vision/luma_pass_loops.h"

}  // namespace camring::vision::pass::avx2
