// Convolutions by Winograd's method, as kernels.
#ifndef SCALENET_WINOGRAD_H
#define SCALENET_WINOGRAD_H
#include "onednn.h"

namespace sn {
// The side of the tiles in which a convolution, its gradient by the input, or that by the weight is best made by Winograd's method; 0 if
// it is not.
int winograd_tile(const sn_conv &c);
int winograd_input_gradient_tile(const sn_conv_shape &s, int type);
int winograd_gradient_tile(const sn_conv_shape &s, int type);

sn_kernel *winograd_forward(Device &d, const sn_conv &c, char *error);
sn_kernel *winograd_backward_input(Device &d, const sn_conv_grad_input &c, char *error);
sn_kernel *winograd_backward_weight(Device &d, const sn_conv_grad_weight &c, char *error);
}  // namespace sn
#endif
