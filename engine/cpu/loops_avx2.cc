// The loops for processors with AVX2.
#include "loops.h"

#pragma GCC target("avx2,fma")

namespace avx2 {
#include "elementwise.hh"
#include "column_sums.hh"
#include "norm.hh"
#include "excite.hh"
#include "pool.hh"
#include "resize.hh"
#include "roialign.hh"
#include "loss.hh"
#include "optimise.hh"
}  // namespace avx2
