// Loops over blocks of n numbers. No sum depends on the order of its operands: of two NaNs a processor keeps either, so a sum that is NaN is
// always 0x7fc00000. Rounding is to bfloat16, to nearest, ties to even, as in package half.
#ifndef SC_SUM_H
#define SC_SUM_H

#include <stdint.h>

// into += x
void sc_add(float *restrict into, const float *restrict x, long n);
// into = rounded(into + rounded(x))
void sc_add_rounded(float *restrict into, const float *restrict x, long n);
// into = rounded(x)
void sc_round(float *restrict into, const float *restrict x, long n);
// To the upper halves of rounded numbers, and back.
void sc_pack(uint16_t *restrict into, const float *restrict x, long n);
void sc_unpack(float *restrict into, const uint16_t *restrict x, long n);

#endif
