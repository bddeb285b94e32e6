// All kernels, in one module.
#include "device.h"

#include "elementwise.cu"
#include "norm.cu"
#include "pool.cu"
#include "resize.cu"
#include "preprocess.cu"
#include "roialign.cu"
#include "loss.cu"
#include "conv.cu"
#include "optimise.cu"
#include "sort.cu"
#include "choice.cu"
