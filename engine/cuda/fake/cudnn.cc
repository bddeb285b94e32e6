// libcudnn 8: convolutions of NHWC tensors and their descriptors. A convolution with both stride and dilation, and a weight gradient
// with groups, are "not supported" here, so that the tests reach what the program does then.
#include <cudnn.h>

#include <cstring>
#include <vector>

#include "fake.h"

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#include "kernel.h"

struct cudnnContext {
	CUstream stream;
};
struct cudnnTensorStruct {
	cudnnTensorFormat_t format;
	cudnnDataType_t type;
	int n, c, h, w;
};
struct cudnnFilterStruct {
	cudnnTensorFormat_t format;
	cudnnDataType_t type;
	int k, c, h, w;
};
struct cudnnConvolutionStruct {
	int pad, stride, dilation, groups;
	cudnnDataType_t compute;
	cudnnMathType_t math;
};
struct cudnnActivationStruct {
	cudnnActivationMode_t mode;
};

// What this version calls a status.
static cudnnStatus_t numbered(cudnnStatus_t v8, int v9) { return setting("CUDNN", 8907) >= 90000 ? (cudnnStatus_t)v9 : v8; }
#define NOT_SUPPORTED numbered(CUDNN_STATUS_NOT_SUPPORTED, 3003)
#define BAD_PARAM numbered(CUDNN_STATUS_BAD_PARAM, 2000)
#define BROKEN numbered(CUDNN_STATUS_INTERNAL_ERROR, 4000)

static size_t size_of(cudnnDataType_t t) { return t == CUDNN_DATA_FLOAT ? 4 : 2; }

// An array of values in any of the types.
struct values {
	char *at;
	cudnnDataType_t type;
	size_t count;
	float get(size_t i) const {
		if (type == CUDNN_DATA_FLOAT) return ((float *)at)[i];
		u16 bits = ((u16 *)at)[i];
		return type == CUDNN_DATA_HALF ? half_to_float(bits) : from_bits((u32)bits << 16);
	}
	// All of them, because a convolution reads each many times.
	std::vector<float> floats() const {
		std::vector<float> all(count);
		for (size_t i = 0; i < count; i++) all[i] = get(i);
		return all;
	}
	void set(size_t i, float v) const {
		if (type == CUDNN_DATA_FLOAT) {
			((float *)at)[i] = v;
			return;
		}
		u32 bits = to_bits(v);
		((u16 *)at)[i] = type == CUDNN_DATA_HALF ? float_to_half(v) : (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
	}
};

static size_t count(const cudnnTensorStruct &t) { return (size_t)t.n * t.c * t.h * t.w; }
static size_t count(const cudnnFilterStruct &f) { return (size_t)f.k * f.c * f.h * f.w; }

template <class D> static values at(const D &d, const void *p, const char *what) {
	if (d.format != CUDNN_TENSOR_NHWC) fail("%s is not NHWC", what);
	return {(char *)resolve((uint64_t)p, count(d) * size_of(d.type), 16, what), d.type, count(d)};
}

static bool supported(const cudnnTensorStruct &x, const cudnnFilterStruct &w, const cudnnConvolutionStruct &c, const cudnnTensorStruct &y) {
	auto side = [&](int in, int k) { return (in + 2 * c.pad - c.dilation * (k - 1) - 1) / c.stride + 1; };
	if (x.type != w.type || x.type != y.type || c.compute != CUDNN_DATA_FLOAT) fail("cuDNN: types that do not go together");
	if (w.c * c.groups != x.c || w.k % c.groups || x.n != y.n || y.c != w.k || y.h != side(x.h, w.h) || y.w != side(x.w, w.w))
		fail("cuDNN: shapes that do not go together");
	if (x.type != CUDNN_DATA_FLOAT && c.math != CUDNN_TENSOR_OP_MATH) fail("cuDNN: math type %d for data type %d", c.math, x.type);
	return !(c.stride > 1 && c.dilation > 1);
}

// Calls f(x's index, w's index, y's index, n) for every n products of a convolution that are one behind the other in x and w.
template <class F> static void products(const cudnnTensorStruct &x, const cudnnFilterStruct &w, const cudnnConvolutionStruct &c, const cudnnTensorStruct &y, F f) {
	for (int n = 0; n < y.n; n++)
		for (int oh = 0; oh < y.h; oh++)
			for (int ow = 0; ow < y.w; ow++)
				for (int k = 0; k < y.c; k++) {
					int group = k / (w.k / c.groups);
					for (int r = 0; r < w.h; r++)
						for (int s = 0; s < w.w; s++) {
							int h = oh * c.stride - c.pad + r * c.dilation, v = ow * c.stride - c.pad + s * c.dilation;
							if (h < 0 || h >= x.h || v < 0 || v >= x.w) continue;
							size_t from = (((size_t)n * x.h + h) * x.w + v) * x.c + group * w.c, by = (((size_t)k * w.h + r) * w.w + s) * w.c;
							size_t to = (((size_t)n * y.h + oh) * y.w + ow) * y.c + k;
							f(from, by, to, w.c);
						}
				}
}

static float plus_dot(float sum, const float *a, const float *b, int n) {
	for (int i = 0; i < n; i++) sum += a[i] * b[i];
	return sum;
}

// to += by * from
template <class T> static void add(T *__restrict to, const float *__restrict from, float by, int n) {
	for (int i = 0; i < n; i++) to[i] += from[i] * by;
}

// The workspace an algorithm wants; what it finds there is overwritten.
static const size_t workspace_bytes = 3000;
static void scribble(void *p, size_t bytes) {
	if (bytes < workspace_bytes) fail("cuDNN: a workspace of %zu bytes", bytes);
	memset(resolve((uint64_t)p, workspace_bytes, 16, "cuDNN's workspace"), 0xee, workspace_bytes);
}

template <class A> static void answer(int *found, A *results, int capacity, std::vector<decltype(A::algo)> algorithms, bool works) {
	*found = 0;
	for (auto a : algorithms) {
		if (*found == capacity) return;
		A &r = results[(*found)++];
		memset(&r, 0, sizeof r);
		r.algo = a;
		// The first is quick and not repeatable, the second the one to take.
		r.determinism = *found == 1 ? CUDNN_NON_DETERMINISTIC : CUDNN_DETERMINISTIC;
		r.status = works ? CUDNN_STATUS_SUCCESS : NOT_SUPPORTED;
		r.memory = workspace_bytes;
		r.mathType = CUDNN_TENSOR_OP_MATH;
	}
}

static float one(const void *p) { return *(const float *)p; }

extern "C" {

size_t cudnnGetVersion(void) { return (size_t)setting("CUDNN", 8907); }
const char *cudnnGetErrorString(cudnnStatus_t s) { return s == NOT_SUPPORTED ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_INTERNAL_ERROR"; }

cudnnStatus_t cudnnCreate(cudnnHandle_t *h) {
	if (!has_context()) return CUDNN_STATUS_NOT_INITIALIZED;
	if (wanted_to_fail(__func__)) return BROKEN;
	*h = new cudnnContext{};
	count_alive("cuDNN handles", 1);
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnDestroy(cudnnHandle_t h) {
	count_alive("cuDNN handles", -1);
	delete h;
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetStream(cudnnHandle_t h, cudaStream_t s) {
	h->stream = (CUstream)s;
	return CUDNN_STATUS_SUCCESS;
}

#define MAY_FAIL \
	if (wanted_to_fail(__func__)) return BROKEN
#define DESCRIPTOR(name, type, handle)                                \
	cudnnStatus_t cudnnCreate##name##Descriptor(handle *d) {          \
		MAY_FAIL;                                                     \
		*d = new type{};                                              \
		count_alive("cuDNN descriptors", 1);                          \
		return CUDNN_STATUS_SUCCESS;                                  \
	}                                                                 \
	cudnnStatus_t cudnnDestroy##name##Descriptor(handle d) {          \
		count_alive("cuDNN descriptors", -1);                         \
		delete d;                                                     \
		return CUDNN_STATUS_SUCCESS;                                  \
	}
DESCRIPTOR(Tensor, cudnnTensorStruct, cudnnTensorDescriptor_t)
DESCRIPTOR(Filter, cudnnFilterStruct, cudnnFilterDescriptor_t)
DESCRIPTOR(Convolution, cudnnConvolutionStruct, cudnnConvolutionDescriptor_t)
DESCRIPTOR(Activation, cudnnActivationStruct, cudnnActivationDescriptor_t)

cudnnStatus_t cudnnSetTensor4dDescriptor(cudnnTensorDescriptor_t d, cudnnTensorFormat_t f, cudnnDataType_t t, int n, int c, int h, int w) {
	if (n < 1 || c < 1 || h < 1 || w < 1) return BAD_PARAM;
	*d = {f, t, n, c, h, w};
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetFilter4dDescriptor(cudnnFilterDescriptor_t d, cudnnDataType_t t, cudnnTensorFormat_t f, int k, int c, int h, int w) {
	if (k < 1 || c < 1 || h < 1 || w < 1) return BAD_PARAM;
	*d = {f, t, k, c, h, w};
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolution2dDescriptor(cudnnConvolutionDescriptor_t d, int ph, int pw, int u, int v, int dh, int dw, cudnnConvolutionMode_t mode, cudnnDataType_t t) {
	if (ph < 0 || ph != pw || u < 1 || u != v || dh < 1 || dh != dw || mode != CUDNN_CROSS_CORRELATION) return BAD_PARAM;
	*d = {ph, u, dh, 1, t, CUDNN_DEFAULT_MATH};
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionGroupCount(cudnnConvolutionDescriptor_t d, int n) {
	d->groups = n;
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetConvolutionMathType(cudnnConvolutionDescriptor_t d, cudnnMathType_t m) {
	// TF32 is a float32 convolution here.
	d->math = m;
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolution2dForwardOutputDim(const cudnnConvolutionDescriptor_t d, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t f, int *n, int *c, int *h, int *w) {
	auto side = [&](int in, int k) { return (in + 2 * d->pad - d->dilation * (k - 1) - 1) / d->stride + 1; };
	*n = x->n, *c = f->k, *h = side(x->h, f->h), *w = side(x->w, f->w);
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnSetActivationDescriptor(cudnnActivationDescriptor_t d, cudnnActivationMode_t m, cudnnNanPropagation_t, double) {
	d->mode = m;
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnGetConvolutionForwardAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x, const cudnnFilterDescriptor_t w, const cudnnConvolutionDescriptor_t c,
                                                     const cudnnTensorDescriptor_t y, int capacity, int *found, cudnnConvolutionFwdAlgoPerf_t *results) {
	MAY_FAIL;
	answer(found, results, capacity, {CUDNN_CONVOLUTION_FWD_ALGO_WINOGRAD, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM, CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM}, supported(*x, *w, *c, *y));
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardDataAlgorithm_v7(cudnnHandle_t, const cudnnFilterDescriptor_t w, const cudnnTensorDescriptor_t y, const cudnnConvolutionDescriptor_t c,
                                                          const cudnnTensorDescriptor_t x, int capacity, int *found, cudnnConvolutionBwdDataAlgoPerf_t *results) {
	MAY_FAIL;
	answer(found, results, capacity, {CUDNN_CONVOLUTION_BWD_DATA_ALGO_0, CUDNN_CONVOLUTION_BWD_DATA_ALGO_1}, supported(*x, *w, *c, *y));
	return CUDNN_STATUS_SUCCESS;
}
cudnnStatus_t cudnnGetConvolutionBackwardFilterAlgorithm_v7(cudnnHandle_t, const cudnnTensorDescriptor_t x, const cudnnTensorDescriptor_t y, const cudnnConvolutionDescriptor_t c,
                                                            const cudnnFilterDescriptor_t w, int capacity, int *found, cudnnConvolutionBwdFilterAlgoPerf_t *results) {
	MAY_FAIL;
	answer(found, results, capacity, {CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0, CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1}, supported(*x, *w, *c, *y) && c->groups == 1);
	return CUDNN_STATUS_SUCCESS;
}

cudnnStatus_t cudnnConvolutionForward(cudnnHandle_t h, const void *alpha, const cudnnTensorDescriptor_t xd, const void *x, const cudnnFilterDescriptor_t wd, const void *w,
                                      const cudnnConvolutionDescriptor_t cd, cudnnConvolutionFwdAlgo_t, void *space, size_t bytes, const void *beta,
                                      const cudnnTensorDescriptor_t yd, void *y) {
	MAY_FAIL;
	if (!supported(*xd, *wd, *cd, *yd)) return NOT_SUPPORTED;
	if (one(alpha) != 1 || one(beta) != 0) fail("cudnnConvolutionForward: alpha and beta");
	auto X = *xd, Y = *yd;
	auto W = *wd;
	auto C = *cd;
	bool queued = enqueue(h->stream, __func__, beginnings({x, w, y, space}), [=] {
		values out = at(Y, y, "y");
		std::vector<float> a = at(X, x, "x").floats(), b = at(W, w, "w").floats(), sums(count(Y));
		scribble(space, bytes);
		products(X, W, C, Y, [&](size_t i, size_t j, size_t k, int n) { sums[k] = plus_dot(sums[k], &a[i], &b[j], n); });
		for (size_t i = 0; i < sums.size(); i++) out.set(i, sums[i]);
	});
	return queued ? CUDNN_STATUS_SUCCESS : BAD_PARAM;
}

cudnnStatus_t cudnnConvolutionBiasActivationForward(cudnnHandle_t h, const void *alpha1, const cudnnTensorDescriptor_t xd, const void *x, const cudnnFilterDescriptor_t wd,
                                                    const void *w, const cudnnConvolutionDescriptor_t cd, cudnnConvolutionFwdAlgo_t algo, void *space, size_t bytes,
                                                    const void *alpha2, const cudnnTensorDescriptor_t zd, const void *z, const cudnnTensorDescriptor_t bd, const void *bias,
                                                    const cudnnActivationDescriptor_t ad, const cudnnTensorDescriptor_t yd, void *y) {
	MAY_FAIL;
	bool identity = ad->mode == CUDNN_ACTIVATION_IDENTITY;
	if (!supported(*xd, *wd, *cd, *yd)) return NOT_SUPPORTED;
	if (identity && algo != CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM) return BAD_PARAM;
	if (xd->type == CUDNN_DATA_BFLOAT16) return NOT_SUPPORTED; // as where the fused kernels have no bfloat16
	if (bd->c != yd->c || bd->n != 1 || bd->h != 1 || bd->w != 1 || bd->type != yd->type) fail("cuDNN: the bias does not fit");
	if (one(alpha1) != 1 || !z || !bias) fail("cudnnConvolutionBiasActivationForward: arguments");
	float share = one(alpha2);
	auto X = *xd, Y = *yd, Z = *zd, B = *bd;
	auto W = *wd;
	auto C = *cd;
	bool queued = enqueue(h->stream, __func__, beginnings({x, w, z, bias, y, space}), [=] {
		values add = at(Z, z, "z"), shift = at(B, bias, "bias"), out = at(Y, y, "y");
		std::vector<float> a = at(X, x, "x").floats(), b = at(W, w, "w").floats(), sums(count(Y));
		scribble(space, bytes);
		products(X, W, C, Y, [&](size_t i, size_t j, size_t k, int n) { sums[k] = plus_dot(sums[k], &a[i], &b[j], n); });
		for (size_t i = 0; i < sums.size(); i++) {
			float v = sums[i] + (share != 0 ? share * add.get(i) : 0) + shift.get(i % Y.c);
			out.set(i, identity || v > 0 || v != v ? v : 0);
		}
	});
	return queued ? CUDNN_STATUS_SUCCESS : BAD_PARAM;
}

cudnnStatus_t cudnnConvolutionBackwardData(cudnnHandle_t h, const void *alpha, const cudnnFilterDescriptor_t wd, const void *w, const cudnnTensorDescriptor_t yd, const void *dy,
                                           const cudnnConvolutionDescriptor_t cd, cudnnConvolutionBwdDataAlgo_t algo, void *space, size_t bytes, const void *beta,
                                           const cudnnTensorDescriptor_t xd, void *dx) {
	MAY_FAIL;
	if (!supported(*xd, *wd, *cd, *yd)) return NOT_SUPPORTED;
	if (one(alpha) != 1 || one(beta) != 0 || algo == CUDNN_CONVOLUTION_BWD_DATA_ALGO_0) fail("cudnnConvolutionBackwardData: arguments");
	auto X = *xd, Y = *yd;
	auto W = *wd;
	auto C = *cd;
	bool queued = enqueue(h->stream, __func__, beginnings({dx, w, dy, space}), [=] {
		values out = at(X, dx, "dx");
		std::vector<float> b = at(W, w, "w").floats(), d = at(Y, dy, "dy").floats(), sums(count(X));
		scribble(space, bytes);
		products(X, W, C, Y, [&](size_t i, size_t j, size_t k, int n) { add(&sums[i], &b[j], d[k], n); });
		for (size_t i = 0; i < sums.size(); i++) out.set(i, sums[i]);
	});
	return queued ? CUDNN_STATUS_SUCCESS : BAD_PARAM;
}

cudnnStatus_t cudnnConvolutionBackwardFilter(cudnnHandle_t h, const void *alpha, const cudnnTensorDescriptor_t xd, const void *x, const cudnnTensorDescriptor_t yd, const void *dy,
                                             const cudnnConvolutionDescriptor_t cd, cudnnConvolutionBwdFilterAlgo_t algo, void *space, size_t bytes, const void *beta,
                                             const cudnnFilterDescriptor_t wd, void *dw) {
	MAY_FAIL;
	if (!supported(*xd, *wd, *cd, *yd) || cd->groups > 1) return NOT_SUPPORTED;
	if (one(alpha) != 1 || one(beta) != 0 || algo == CUDNN_CONVOLUTION_BWD_FILTER_ALGO_0) fail("cudnnConvolutionBackwardFilter: arguments");
	auto X = *xd, Y = *yd;
	auto W = *wd;
	auto C = *cd;
	bool queued = enqueue(h->stream, __func__, beginnings({x, dw, dy, space}), [=] {
		values out = at(W, dw, "dw");
		std::vector<float> a = at(X, x, "x").floats(), d = at(Y, dy, "dy").floats();
		scribble(space, bytes);
		std::vector<double> sums(count(W));
		products(X, W, C, Y, [&](size_t i, size_t j, size_t k, int n) { add(&sums[j], &a[i], d[k], n); });
		for (size_t i = 0; i < sums.size(); i++) out.set(i, (float)sums[i]);
	});
	return queued ? CUDNN_STATUS_SUCCESS : BAD_PARAM;
}
}
