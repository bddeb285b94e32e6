// The loops for processors with AVX-512.
#include "loops.h"

#define SN_BITS 512
#ifdef SN_WIDE_ON_AVX2  // for tests: the same code on a processor without AVX-512, two of its vectors for one
#pragma GCC target("avx2,fma")
#else
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,prefer-vector-width=512")
#endif

namespace avx512 {
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
#include "linear.hh"
#include "toom.hh"
#include "winograd.hh"
#include "winograd_gradient.hh"
}  // namespace avx512
