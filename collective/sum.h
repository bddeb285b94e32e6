// Loops over blocks of n numbers. No sum depends on the order of its operands: of two NaNs a processor keeps either, so a sum that is NaN is
// always 0x7fc00000. Rounding is to bfloat16, to nearest, ties to even, as in package half.
#ifndef SN_SUM_H
#define SN_SUM_H

#include <stdint.h>

// into += x
void sn_add(float *restrict into, const float *restrict x, long n);
// into = rounded(into + rounded(x))
void sn_add_rounded(float *restrict into, const float *restrict x, long n);
// into = rounded(x)
void sn_round(float *restrict into, const float *restrict x, long n);
// To the upper halves of rounded numbers, and back.
void sn_pack(uint16_t *restrict into, const float *restrict x, long n);
void sn_unpack(float *restrict into, const uint16_t *restrict x, long n);

#endif
