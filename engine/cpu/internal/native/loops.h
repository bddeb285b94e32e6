// What every loop file needs; included before the instruction set is chosen, so that nothing of the standard library is
// compiled for a processor that may not be there.
#ifndef SCALENET_LOOPS_H
#define SCALENET_LOOPS_H
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <type_traits>

#include <immintrin.h>
#include <omp.h>

#include "kernels.h"

#define SN_INLINE inline __attribute__((always_inline))

// bf16 is the upper half of a float32.
struct bf16 {
  uint16_t bits;
  bf16() = default;
  SN_INLINE explicit bf16(float f) {  // rounds to nearest, ties to even; NaN stays NaN
    uint32_t u;
    std::memcpy(&u, &f, 4);
    uint32_t rounded = u + 0x7fff + ((u >> 16) & 1);
    bits = uint16_t(((u & 0x7fffffff) > 0x7f800000 ? u | 0x400000 : rounded) >> 16);
  }
  SN_INLINE operator float() const {
    uint32_t u = uint32_t(bits) << 16;
    float f;
    std::memcpy(&f, &u, 4);
    return f;
  }
};

// put stores a value as the element's type. Assigning a bf16 would keep a loop from being vectorised, as std::max would,
// which returns a reference.
static SN_INLINE void put(float &to, float v) { to = v; }
static SN_INLINE void put(bf16 &to, float v) { to.bits = bf16(v).bits; }
static SN_INLINE float rectified(float v) { return v < 0.0f ? 0.0f : v; }

// where_positive is v where o > 0, else 0, in integers: a floating-point condition around an addition becomes a branch, since
// the addition might trap.
static SN_INLINE float where_positive(float o, float v) {
  int32_t sign, bits;
  std::memcpy(&sign, &o, 4);
  std::memcpy(&bits, &v, 4);
  bits &= -int32_t(sign > 0);
  std::memcpy(&v, &bits, 4);
  return v;
}

// typed calls f with a value of the C++ type behind an SN_ type; flag with std::true_type or false_type.
template <class F>
static SN_INLINE void typed(int type, F f) {
  if (type == SN_BF16)
    f(bf16());
  else
    f(float());
}
template <class F>
static SN_INLINE void flag(bool on, F f) {
  if (on)
    f(std::true_type());
  else
    f(std::false_type());
}

enum { SN_LANES = 64 };  // channels that loops with sums take at a time

// blocks calls f(c0, lanes) for the channels [from, to) in pieces of SN_LANES; lanes is a constant where it can be.
template <class F>
static SN_INLINE void blocks(int64_t from, int64_t to, F f) {
  for (; from + SN_LANES <= to; from += SN_LANES) f(from, std::integral_constant<int64_t, SN_LANES>());
  if (from < to) f(from, to - from);
}

// Work below this many elements is not worth waking threads for.
enum { SN_SMALL = 1 << 13 };

// The loops, for dispatch.cc.
#define SN_LOOPS(F)                                                                                                   \
  F(relu) F(relu_grad) F(gelu) F(gelu_grad) F(add) F(add_relu_grad) F(cast) F(copy_rows) F(clear)                     \
  F(bias_grad) F(moments) F(norm_coefficients) F(affine) F(norm_grad_params) F(norm_grad_input)                       \
  F(hard_swish) F(hard_swish_grad) F(hard_sigmoid) F(hard_sigmoid_grad)                                               \
  F(sigmoid) F(sigmoid_grad) F(scale_channels) F(scale_channels_grad)                                                 \
  F(fold_weight) F(scale_rows) F(merge_groups)                                                                        \
  F(max_pool) F(max_pool_grad) F(avg_pool) F(avg_pool_grad) F(global_avg_pool) F(global_avg_pool_grad)                \
  F(resize) F(roi_align) F(roi_align_grad) F(roi_scratch)                                                             \
  F(softmax_cross_entropy) F(softmax_cross_entropy_grad) F(sigmoid_cross_entropy) F(sigmoid_cross_entropy_grad)       \
  F(smooth_l1) F(smooth_l1_grad)                                                                                      \
  F(grouped_run) F(grouped_scratch) F(grouped_weights)                                                                \
  F(sgd) F(adamw) F(blend) F(sum_squares)

// Those that multiply bfloat16.
#define SN_WINOGRAD(F)                                                                                                \
  F(winograd_run) F(winograd_scratch) F(winograd_weights) F(winograd_weight_size)                                     \
  F(winograd_gradient_run) F(winograd_gradient_scratch)

// Those that are used with AVX-512 alone (products in linear.cc).
#define SN_PRODUCTS(F) F(linear_run) F(linear_weights) F(linear_weight_size)

#define SN_DECLARE(name) decltype(sn_##name) name;
namespace avx512_bf16 { SN_WINOGRAD(SN_DECLARE) }
namespace avx512 { SN_LOOPS(SN_DECLARE) SN_WINOGRAD(SN_DECLARE) SN_PRODUCTS(SN_DECLARE) }
namespace avx2 { SN_LOOPS(SN_DECLARE) SN_WINOGRAD(SN_DECLARE) }
namespace plain { SN_LOOPS(SN_DECLARE) SN_WINOGRAD(SN_DECLARE) }
#undef SN_DECLARE
#endif
