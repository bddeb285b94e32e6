// The kernels for processors with AVX-512 VNNI.
#include "loops.h"

#define SN_BITS 512
#define SN_VNNI
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni,fma,prefer-vector-width=512")

namespace int8_avx512 {
#include "vector.hh"
#include "convolve.hh"
#include "winograd.hh"
#include "bytes.hh"
}  // namespace int8_avx512
