// What every file of kernels needs; included before the instruction set is chosen, so that nothing of the standard library is compiled for a
// processor that may not be there.
#ifndef SCALENET_INT8_LOOPS_H
#define SCALENET_INT8_LOOPS_H
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <immintrin.h>
#include <omp.h>

#include "int8.h"

#define SN_INLINE inline __attribute__((always_inline))

// Work below this many bytes is not worth waking threads for.
enum { SN_SMALL = 1 << 14 };

#define SN_INT8(F) F(winograd) F(scratch) F(convolve) F(packed_bytes) F(pack) F(resize) F(max_pool) F(quantize) F(dequantize)

#define SN_DECLARE(name) decltype(sn_int8_##name) name;
namespace int8_avx512 { SN_INT8(SN_DECLARE) }
namespace int8_avx2 { SN_INT8(SN_DECLARE) }
namespace int8_plain { SN_INT8(SN_DECLARE) }
#undef SN_DECLARE
#endif
