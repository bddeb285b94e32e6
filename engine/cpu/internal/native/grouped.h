// Convolutions in small groups by loops of our own, as kernels.
#ifndef SCALENET_GROUPED_H
#define SCALENET_GROUPED_H
#include "onednn.h"

namespace sn {
// Whether there are such loops for a convolution.
bool grouped_fits(const sn_conv_shape &s, int type);

sn_kernel *grouped_forward(Device &d, const sn_conv &c, char *error);
}  // namespace sn
#endif
