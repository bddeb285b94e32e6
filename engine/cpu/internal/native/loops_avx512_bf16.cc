// The loops that multiply bfloat16, for processors with AVX-512's instructions for it.
#include "loops.h"

#define SN_BITS 512
#ifdef SN_WIDE_ON_AVX2  // for tests, as in loops_avx512.cc; there they are not chosen
#pragma GCC target("avx2,fma")
#else
#define SN_BF16_PRODUCTS
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,prefer-vector-width=512")
#endif

namespace avx512_bf16 {
#include "vector.hh"
#include "toom.hh"
#include "winograd.hh"
#include "winograd_gradient.hh"
}  // namespace avx512_bf16
