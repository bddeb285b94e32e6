// The loops for any x86-64.
#include "loops.h"

namespace plain {
#include "elementwise.hh"
#include "column_sums.hh"
#include "norm.hh"
#include "excite.hh"
#include "pool.hh"
#include "resize.hh"
#include "roialign.hh"
#include "loss.hh"
#include "optimise.hh"
}  // namespace plain
