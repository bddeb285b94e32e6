// The loops for processors with AVX2.
#include "loops.h"

#ifndef SN_WIDE_ON_AVX2  // then none of them is used
#define SN_BITS 256
#pragma GCC target("avx2,fma")

namespace avx2 {
#include "vector.hh"
#include "elementwise.hh"
#include "column_sums.hh"
#include "norm.hh"
#include "excite.hh"
#include "pool.hh"
#include "resize.hh"
#include "roialign.hh"
#include "loss.hh"
#include "optimise.hh"
#include "grouped.hh"
#include "toom.hh"
#include "winograd.hh"
#include "winograd_gradient.hh"
}  // namespace avx2
#endif
