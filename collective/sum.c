#include "sum.h"

#include <string.h>

static inline uint32_t bits_of(float v) {
	uint32_t bits;
	memcpy(&bits, &v, sizeof bits);
	return bits;
}

static inline float float_of(uint32_t bits) {
	float v;
	memcpy(&v, &bits, sizeof v);
	return v;
}

static inline float sum(float a, float b) {
	float s = a + b;
	return s == s ? s : float_of(0x7fc00000);
}

static inline float rounded(float v) {
	uint32_t bits = bits_of(v);
	uint32_t nearest = bits + 0x7fff + (bits >> 16 & 1), quiet = bits | 0x400000;
	return float_of((v == v ? nearest : quiet) & 0xffff0000);
}

void sc_add(float *restrict into, const float *restrict x, long n) {
	for (long i = 0; i < n; i++) into[i] = sum(into[i], x[i]);
}

void sc_add_rounded(float *restrict into, const float *restrict x, long n) {
	for (long i = 0; i < n; i++) into[i] = rounded(sum(into[i], rounded(x[i])));
}

void sc_round(float *restrict into, const float *restrict x, long n) {
	for (long i = 0; i < n; i++) into[i] = rounded(x[i]);
}

void sc_pack(uint16_t *restrict into, const float *restrict x, long n) {
	for (long i = 0; i < n; i++) into[i] = bits_of(x[i]) >> 16;
}

void sc_unpack(float *restrict into, const uint16_t *restrict x, long n) {
	for (long i = 0; i < n; i++) into[i] = float_of((uint32_t)x[i] << 16);
}
