// What the kernels are written in. The same source is compiled twice: by NVRTC to PTX for GPUs, and as C++ into the fake
// CUDA libraries that the tests run on (../fake).
//
// Names end in the type of the features: f32, bf16 or f16. Values are read as float32, computed in float32 and rounded once.
// Tensors have less than 2^31 elements, so that indices are 32 bits wide. Features are NHWC. Nothing depends on the order in which
// threads run: results are the same bits every time.
//
// NVRTC runs with --fmad=false: a product and a sum are two roundings, as in the C++ build.
#pragma once

typedef unsigned char u8;
typedef unsigned short u16;
typedef unsigned int u32;
typedef long long i64;
typedef unsigned long long u64;

#ifdef __CUDACC_RTC__

#define FN __device__ __forceinline__
// KERNEL(name, (parameters)) { body of one thread }
#define KERNEL(name, parameters) extern "C" __global__ void __launch_bounds__(256) name parameters
// A kernel whose threads wait for each other with barrier().
#define COOPERATIVE(name, parameters) KERNEL(name, parameters)
#define SHARED __shared__
FN void barrier() { __syncthreads(); }
FN float from_bits(u32 bits) { return __uint_as_float(bits); }
FN u32 to_bits(float value) { return __float_as_uint(value); }
FN float half_to_float(u16 bits) {
	float value;
	asm("cvt.f32.f16 %0, %1;" : "=f"(value) : "h"(bits));
	return value;
}
FN u16 float_to_half(float value) {
	u16 bits;
	asm("cvt.rn.f16.f32 %0, %1;" : "=h"(bits) : "f"(value));
	return bits;
}
FN void set_if_zero(u64 *word, u64 value) { atomicCAS(word, 0ull, value); }
FN void add_to(u32 *word, u32 value) { atomicAdd(word, value); }
FN void or_into(u64 *word, u64 bits) { atomicOr(word, bits); }
FN u32 lowest_bit(u64 bits) { return __ffsll((long long)bits) - 1; }

#else

#include "../fake/kernel.h"

#endif

// The types of features in memory.
struct bf16 {
	u16 bits;
};
struct f16 {
	u16 bits;
};

FN float load(const float *p) { return *p; }
FN float load(const bf16 *p) { return from_bits((u32)p->bits << 16); }
FN float load(const f16 *p) { return half_to_float(p->bits); }

FN void store(float *p, float v) { *p = v; }
// To nearest even; a NaN stays one.
FN void store(bf16 *p, float v) {
	u32 bits = to_bits(v);
	p->bits = v != v ? (u16)(bits >> 16 | 0x40) : (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
FN void store(f16 *p, float v) { p->bits = float_to_half(v); }

// What is wrong with values that a kernel was given: the first one to report wins. The host reads the word with its next copy
// (transfer.go): the kind, the row, the value and its limit in 3, 29, 16 and 16 bits.
enum fault_kind { NO_IMAGE = 1, NO_CLASS = 2, NOT_FINITE = 3, BAD_TRANSFORM = 4 };
FN void report(u64 *fault, fault_kind kind, u32 row, u32 value, u32 limit) {
	set_if_zero(fault, (u64)kind << 61 | (u64)(row & 0x1fffffff) << 32 | (value < 65535 ? value : 65535) << 16 | (limit < 65535 ? limit : 65535));
}

// The index of this thread in a row of blocks.
FN u32 thread_index() { return blockIdx.x * blockDim.x + threadIdx.x; }

// FEATURES(name, (parameters), (arguments)) makes a kernel of each feature type from the function name_of<T>; parameters may
// have the type T.
#define FEATURES(name, parameters, arguments) \
	FEATURES_OF(f32, float, name, parameters, arguments) \
	FEATURES_OF(bf16, bf16, name, parameters, arguments) \
	FEATURES_OF(f16, f16, name, parameters, arguments)
#define FEATURES_OF(suffix, type, name, parameters, arguments) \
	namespace of_##suffix { \
	typedef ::type##_type T; \
	KERNEL(name##_##suffix, parameters) { name##_of<T> arguments; } \
	}
typedef float float_type;
typedef bf16 bf16_type;
typedef f16 f16_type;

FN float relu(float v) { return v > 0 || v != v ? v : 0; }
FN float maximum(float a, float b) { return a > b ? a : b; }
FN float minimum(float a, float b) { return a < b ? a : b; }
FN int least(int a, int b) { return a < b ? a : b; }
FN int most(int a, int b) { return a > b ? a : b; }
