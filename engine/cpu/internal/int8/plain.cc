// The kernels for any x86-64. Its fused multiply-adds are calls of the C library.
#include "loops.h"

#define SN_BITS 128

namespace int8_plain {
#include "vector.hh"
#include "convolve.hh"
#include "winograd.hh"
#include "bytes.hh"
}  // namespace int8_plain
