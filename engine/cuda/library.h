// cuDNN and cuBLAS, found when a device is opened: cuDNN 9 or 8, cuBLAS 13, 12 or 11. gorgonia.org/cu's own packages for them lack the
// stream, the workspace, the choice of algorithms, half precision and GemmEx, and link one version of the libraries.
//
// Functions give 0, or -1 and a message of SN_MESSAGE bytes.
#ifndef SN_LIBRARY_H
#define SN_LIBRARY_H

#include "driver.h"

#include <stdint.h>

enum { SN_F32, SN_BF16, SN_F16 }; // types of features

// Finds cuDNN; version is 8907 or 90100 and the like. sn_library_open calls it first.
int sn_cudnn_find(size_t *version, char *message);

typedef struct sn_library sn_library; // the handles of a device
sn_library *sn_library_open(CUstream stream, uint64_t workspace, size_t bytes, char *message);
void sn_library_close(sn_library *l);

typedef struct {
	int n, h, w, ci; // x; ci counts all groups' channels
	int oh, ow, co;  // y
	int kernel, stride, pad, dilation, groups;
	int type; // of x, the packed weight (co, kernel, kernel, ci/groups) and y
	int tf32; // lets float32 products be TF32
} sn_conv_shape;

// A convolution's descriptors, without a device: the library only has to be found.
typedef struct sn_conv sn_conv;
sn_conv *sn_conv_new(const sn_conv_shape *s, char *message);
void sn_conv_free(sn_conv *c);

enum { SN_FORWARD, SN_GRAD_INPUT, SN_GRAD_WEIGHT };

typedef struct {
	int algorithm, math;
	size_t workspace;
} sn_algorithm;

// The algorithms that cuDNN recommends for a direction, best first, of those that give the same bits in every run; their number.
int sn_conv_algorithms(sn_library *l, sn_conv *c, int direction, sn_algorithm *found, int capacity, char *message);

typedef struct {
	sn_algorithm algorithm;
	uint64_t x, weight, y; // of a gradient: the one that the direction is named after is written
	uint64_t workspace;
	int fused; // forward: y = activation(x * weight + bias + residual), in one call
	uint64_t bias, residual;
	int relu;
	int trial;
} sn_conv_run;

// 1 where a trial shows that cuDNN does not do it after all.
int sn_conv_do(sn_library *l, sn_conv *c, int direction, const sn_conv_run *r, char *message);

// The product of column-major matrices c (m, n) = op(a) op(b); ct may be SN_F32 where a and b are shorter.
typedef struct {
	int ta, tb, m, n, k, lda, ldb, ldc;
	int type, ct, tf32;
	uint64_t a, b, c;
} sn_gemm;
int sn_gemm_do(sn_library *l, const sn_gemm *g, char *message);

#endif
