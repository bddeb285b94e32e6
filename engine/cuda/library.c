//go:build gpu

#include "library.h"

#include <cublas_v2.h>
#include <cudnn.h>

#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CUDNN_FUNCTIONS(F)                                                                                  \
	F(cudnnGetVersion) F(cudnnGetErrorString) F(cudnnCreate) F(cudnnDestroy) F(cudnnSetStream)              \
	F(cudnnCreateTensorDescriptor) F(cudnnDestroyTensorDescriptor) F(cudnnSetTensor4dDescriptor)            \
	F(cudnnCreateFilterDescriptor) F(cudnnDestroyFilterDescriptor) F(cudnnSetFilter4dDescriptor)            \
	F(cudnnCreateConvolutionDescriptor) F(cudnnDestroyConvolutionDescriptor)                                \
	F(cudnnSetConvolution2dDescriptor) F(cudnnSetConvolutionGroupCount) F(cudnnSetConvolutionMathType)      \
	F(cudnnGetConvolution2dForwardOutputDim)                                                                \
	F(cudnnCreateActivationDescriptor) F(cudnnDestroyActivationDescriptor) F(cudnnSetActivationDescriptor)  \
	F(cudnnGetConvolutionForwardAlgorithm_v7) F(cudnnGetConvolutionBackwardDataAlgorithm_v7)                \
	F(cudnnGetConvolutionBackwardFilterAlgorithm_v7) F(cudnnConvolutionForward)                             \
	F(cudnnConvolutionBiasActivationForward) F(cudnnConvolutionBackwardData) F(cudnnConvolutionBackwardFilter)
#define CUBLAS_FUNCTIONS(F) \
	F(cublasCreate_v2) F(cublasDestroy_v2) F(cublasSetStream_v2) F(cublasSetWorkspace_v2) F(cublasGemmEx)

#define POINTER(name) static __typeof__(&name) p_##name;
CUDNN_FUNCTIONS(POINTER)
CUBLAS_FUNCTIONS(POINTER)

static void *open_first(const char *const *names, char *message, const char *what) {
	for (; *names; names++) {
		void *library = dlopen(*names, RTLD_NOW | RTLD_LOCAL);
		if (library) return library;
	}
	snprintf(message, SN_MESSAGE, "no %s on this machine (%s)", what, dlerror());
	return NULL;
}

#define FIND(name)                                                                    \
	if (!(p_##name = (__typeof__(&name))dlsym(library, #name))) {                     \
		snprintf(message, SN_MESSAGE, "the library has no function %s: its version is not supported", #name); \
		return -1;                                                                    \
	}

int sn_cudnn_find(size_t *version, char *message) {
	static void *found;
	if (!found) {
		static const char *const names[] = {"libcudnn.so.9", "libcudnn.so.8", NULL};
		void *library = open_first(names, message, "cuDNN");
		if (!library) return -1;
		CUDNN_FUNCTIONS(FIND)
		found = library;
	}
	*version = p_cudnnGetVersion();
	return 0;
}

// What cuDNN's refusals have in common. Version 9 numbers its statuses anew, by kinds of a thousand; the headers are those of version 8.
enum { OK, NOT_SUPPORTED, BAD_ARGUMENTS, BROKEN };
static int kind(cudnnStatus_t s) {
	if (s == CUDNN_STATUS_SUCCESS) return OK;
	if (p_cudnnGetVersion() >= 90000) {
		int thousands = (int)s / 1000;
		return thousands == 3 ? NOT_SUPPORTED : thousands == 2 ? BAD_ARGUMENTS : BROKEN;
	}
	if (s == CUDNN_STATUS_NOT_SUPPORTED || s == CUDNN_STATUS_ARCH_MISMATCH) return NOT_SUPPORTED;
	return s == CUDNN_STATUS_BAD_PARAM ? BAD_ARGUMENTS : BROKEN;
}

static int find_cublas(char *message) {
	static void *found;
	if (found) return 0;
	static const char *const names[] = {"libcublas.so.12", "libcublas.so.11", "libcublas.so.13", NULL};
	void *library = open_first(names, message, "cuBLAS");
	if (!library) return -1;
	CUBLAS_FUNCTIONS(FIND)
	found = library;
	return 0;
}

struct sn_library {
	cudnnHandle_t cudnn;
	cublasHandle_t cublas;
};

static int failed(cudnnStatus_t s, const char *call, char *message) {
	if (s == CUDNN_STATUS_SUCCESS) return 0;
	snprintf(message, SN_MESSAGE, "%s: %s", call, p_cudnnGetErrorString(s));
	return -1;
}
#define TRY(call, ...) failed(p_##call(__VA_ARGS__), #call, message)

static int blas_failed(cublasStatus_t s, const char *call, char *message) {
	if (s == CUBLAS_STATUS_SUCCESS) return 0;
	snprintf(message, SN_MESSAGE, "%s: error %d of cuBLAS", call, s);
	return -1;
}
#define TRY_BLAS(call, ...) blas_failed(p_##call(__VA_ARGS__), #call, message)

sn_library *sn_library_open(CUstream stream, uint64_t workspace, size_t bytes, char *message) {
	size_t version;
	if (sn_cudnn_find(&version, message) || find_cublas(message)) return NULL;
	sn_library *l = calloc(1, sizeof *l);
	if (TRY(cudnnCreate, &l->cudnn) || TRY(cudnnSetStream, l->cudnn, (cudaStream_t)stream) || TRY_BLAS(cublasCreate_v2, &l->cublas) ||
	    TRY_BLAS(cublasSetStream_v2, l->cublas, (cudaStream_t)stream) ||
	    TRY_BLAS(cublasSetWorkspace_v2, l->cublas, (void *)workspace, bytes)) {
		sn_library_close(l);
		return NULL;
	}
	return l;
}

void sn_library_close(sn_library *l) {
	if (l->cublas) p_cublasDestroy_v2(l->cublas);
	if (l->cudnn) p_cudnnDestroy(l->cudnn);
	free(l);
}

struct sn_conv {
	int type, tf32;
	cudnnTensorDescriptor_t x, y, bias;
	cudnnFilterDescriptor_t weight;
	cudnnConvolutionDescriptor_t conv;
	cudnnActivationDescriptor_t relu, identity;
};

static cudnnDataType_t cudnn_type(int t) { return t == SN_F32 ? CUDNN_DATA_FLOAT : t == SN_BF16 ? CUDNN_DATA_BFLOAT16 : CUDNN_DATA_HALF; }

// Without TF32 float32 products are float32: CUDNN_DEFAULT_MATH would allow it.
static cudnnMathType_t math_of(const sn_conv_shape *s) {
	if (s->type != SN_F32) return CUDNN_TENSOR_OP_MATH;
	return s->tf32 ? CUDNN_DEFAULT_MATH : CUDNN_FMA_MATH;
}

sn_conv *sn_conv_new(const sn_conv_shape *s, char *message) {
	sn_conv *c = calloc(1, sizeof *c);
	c->type = s->type;
	c->tf32 = s->tf32;
	cudnnDataType_t t = cudnn_type(s->type);
	if (TRY(cudnnCreateTensorDescriptor, &c->x) || TRY(cudnnCreateTensorDescriptor, &c->y) || TRY(cudnnCreateTensorDescriptor, &c->bias) ||
	    TRY(cudnnCreateFilterDescriptor, &c->weight) || TRY(cudnnCreateConvolutionDescriptor, &c->conv) ||
	    TRY(cudnnCreateActivationDescriptor, &c->relu) || TRY(cudnnCreateActivationDescriptor, &c->identity) ||
	    TRY(cudnnSetTensor4dDescriptor, c->x, CUDNN_TENSOR_NHWC, t, s->n, s->ci, s->h, s->w) ||
	    TRY(cudnnSetTensor4dDescriptor, c->y, CUDNN_TENSOR_NHWC, t, s->n, s->co, s->oh, s->ow) ||
	    TRY(cudnnSetTensor4dDescriptor, c->bias, CUDNN_TENSOR_NHWC, t, 1, s->co, 1, 1) ||
	    TRY(cudnnSetFilter4dDescriptor, c->weight, t, CUDNN_TENSOR_NHWC, s->co, s->ci / s->groups, s->kernel, s->kernel) ||
	    TRY(cudnnSetConvolution2dDescriptor, c->conv, s->pad, s->pad, s->stride, s->stride, s->dilation, s->dilation,
	        CUDNN_CROSS_CORRELATION, CUDNN_DATA_FLOAT) ||
	    TRY(cudnnSetConvolutionGroupCount, c->conv, s->groups) || TRY(cudnnSetConvolutionMathType, c->conv, math_of(s)) ||
	    TRY(cudnnSetActivationDescriptor, c->relu, CUDNN_ACTIVATION_RELU, CUDNN_PROPAGATE_NAN, 0) ||
	    TRY(cudnnSetActivationDescriptor, c->identity, CUDNN_ACTIVATION_IDENTITY, CUDNN_PROPAGATE_NAN, 0)) {
		sn_conv_free(c);
		return NULL;
	}
	int n, co, oh, ow;
	int bad = TRY(cudnnGetConvolution2dForwardOutputDim, c->conv, c->x, c->weight, &n, &co, &oh, &ow);
	if (!bad && (n != s->n || co != s->co || oh != s->oh || ow != s->ow)) {
		snprintf(message, SN_MESSAGE, "cuDNN takes the output of a convolution for %dx%dx%dx%d, not %dx%dx%dx%d", n, oh, ow, co, s->n, s->oh, s->ow, s->co);
		bad = -1;
	}
	if (bad) {
		sn_conv_free(c);
		return NULL;
	}
	return c;
}

void sn_conv_free(sn_conv *c) {
	if (c->x) p_cudnnDestroyTensorDescriptor(c->x);
	if (c->y) p_cudnnDestroyTensorDescriptor(c->y);
	if (c->bias) p_cudnnDestroyTensorDescriptor(c->bias);
	if (c->weight) p_cudnnDestroyFilterDescriptor(c->weight);
	if (c->conv) p_cudnnDestroyConvolutionDescriptor(c->conv);
	if (c->relu) p_cudnnDestroyActivationDescriptor(c->relu);
	if (c->identity) p_cudnnDestroyActivationDescriptor(c->identity);
	free(c);
}

enum { CANDIDATES = 16 };

// Keeps what works, is repeatable and stays within the math type asked for.
#define KEEP(results)                                                                                     \
	for (int i = 0; i < count && n < capacity; i++)                                                           \
		if (results[i].status == CUDNN_STATUS_SUCCESS && results[i].determinism == CUDNN_DETERMINISTIC) { \
			found[n].algorithm = results[i].algo;                                                         \
			found[n].math = results[i].mathType;                                                          \
			found[n++].workspace = results[i].memory;                                                     \
		}

int sn_conv_algorithms(sn_library *l, sn_conv *c, int direction, sn_algorithm *found, int capacity, char *message) {
	int count = 0, n = 0;
	// A shape that cuDNN refuses as a whole has no algorithm.
#define LIST(call, ...)                                                         \
	{                                                                           \
		cudnnStatus_t s = p_##call(l->cudnn, __VA_ARGS__, CANDIDATES, &count, results); \
		if (kind(s) == NOT_SUPPORTED) return 0;                                 \
		if (failed(s, #call, message)) return -1;                               \
	}
	if (direction == SN_FORWARD) {
		cudnnConvolutionFwdAlgoPerf_t results[CANDIDATES];
		LIST(cudnnGetConvolutionForwardAlgorithm_v7, c->x, c->weight, c->conv, c->y)
		KEEP(results)
	} else if (direction == SN_GRAD_INPUT) {
		cudnnConvolutionBwdDataAlgoPerf_t results[CANDIDATES];
		LIST(cudnnGetConvolutionBackwardDataAlgorithm_v7, c->weight, c->y, c->conv, c->x)
		KEEP(results)
	} else {
		cudnnConvolutionBwdFilterAlgoPerf_t results[CANDIDATES];
		LIST(cudnnGetConvolutionBackwardFilterAlgorithm_v7, c->x, c->y, c->conv, c->weight)
		KEEP(results)
	}
	return n;
}

int sn_conv_do(sn_library *l, sn_conv *c, int direction, const sn_conv_run *r, char *message) {
	const float one = 1, zero = 0;
	void *x = (void *)r->x, *weight = (void *)r->weight, *y = (void *)r->y, *space = (void *)r->workspace;
	size_t bytes = r->algorithm.workspace;
	int algorithm = r->algorithm.algorithm;
	const char *call;
	cudnnStatus_t s;
	// An algorithm goes with a math type. Of float32 without TF32 there is only one, whatever the recommendation says.
	if (r->trial && (c->type != SN_F32 || c->tf32) && TRY(cudnnSetConvolutionMathType, c->conv, r->algorithm.math)) return -1;
	if (direction == SN_GRAD_INPUT) {
		call = "cudnnConvolutionBackwardData";
		s = p_cudnnConvolutionBackwardData(l->cudnn, &one, c->weight, weight, c->y, y, c->conv, algorithm, space, bytes, &zero, c->x, x);
	} else if (direction == SN_GRAD_WEIGHT) {
		call = "cudnnConvolutionBackwardFilter";
		s = p_cudnnConvolutionBackwardFilter(l->cudnn, &one, c->x, x, c->y, y, c->conv, algorithm, space, bytes, &zero, c->weight, weight);
	} else if (r->fused) {
		// Without a residual its place is taken by y, times zero.
		call = "cudnnConvolutionBiasActivationForward";
		s = p_cudnnConvolutionBiasActivationForward(l->cudnn, &one, c->x, x, c->weight, weight, c->conv, algorithm, space, bytes,
			r->residual ? &one : &zero, c->y, r->residual ? (void *)r->residual : y, c->bias, (void *)r->bias,
			r->relu ? c->relu : c->identity, c->y, y);
	} else {
		call = "cudnnConvolutionForward";
		s = p_cudnnConvolutionForward(l->cudnn, &one, c->x, x, c->weight, weight, c->conv, algorithm, space, bytes, &zero, c->y, y);
	}
	// Some combinations of an algorithm and an activation count as bad arguments.
	int k = kind(s);
	failed(s, call, message);
	return k == OK ? 0 : r->trial && (k == NOT_SUPPORTED || k == BAD_ARGUMENTS) ? 1 : -1;
}

static cudaDataType cublas_type(int t) { return t == SN_F32 ? CUDA_R_32F : t == SN_BF16 ? CUDA_R_16BF : CUDA_R_16F; }

int sn_gemm_do(sn_library *l, const sn_gemm *g, char *message) {
	const float one = 1, zero = 0;
	cublasComputeType_t compute = g->type == SN_F32 && g->tf32 ? CUBLAS_COMPUTE_32F_FAST_TF32 : CUBLAS_COMPUTE_32F;
	return TRY_BLAS(cublasGemmEx, l->cublas, g->ta ? CUBLAS_OP_T : CUBLAS_OP_N, g->tb ? CUBLAS_OP_T : CUBLAS_OP_N, g->m, g->n, g->k, &one,
	                (void *)g->a, cublas_type(g->type), g->lda, (void *)g->b, cublas_type(g->type), g->ldb, &zero, (void *)g->c,
	                cublas_type(g->ct), g->ldc, compute, CUBLAS_GEMM_DEFAULT);
}
