// The loops for any x86-64: for completeness, so that they need not take long to compile.
#include "loops.h"

#ifndef SN_WIDE_ON_AVX2  // then none of them is used
#define SN_BITS 128
#pragma GCC optimize("O1")

namespace plain {
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
}  // namespace plain
#endif
