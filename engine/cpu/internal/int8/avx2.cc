// The kernels for processors with AVX2.
#include "loops.h"

#define SN_BITS 256
#pragma GCC target("avx2,fma")

namespace int8_avx2 {
#include "vector.hh"
#include "convolve.hh"
#include "winograd.hh"
#include "bytes.hh"
}  // namespace int8_avx2
