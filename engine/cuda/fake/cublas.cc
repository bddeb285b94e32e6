// libcublas: products of matrices in column-major order.
#include <cublas_v2.h>

#include "fake.h"

typedef unsigned short u16;
typedef unsigned int u32;
typedef unsigned long long u64;
#include "kernel.h"

struct cublasContext {
	CUstream stream;
	void *space;
	size_t bytes;
};

static size_t size_of(cudaDataType t) { return t == CUDA_R_32F ? 4 : 2; }
static float get(const void *p, cudaDataType t, size_t i) {
	if (t == CUDA_R_32F) return ((float *)p)[i];
	u16 bits = ((u16 *)p)[i];
	return t == CUDA_R_16F ? half_to_float(bits) : from_bits((u32)bits << 16);
}
// All of them, because a product reads each many times.
static std::vector<float> floats(const void *p, cudaDataType t, size_t n) {
	std::vector<float> all(n);
	for (size_t i = 0; i < n; i++) all[i] = get(p, t, i);
	return all;
}
static void set(void *p, cudaDataType t, size_t i, float v) {
	if (t == CUDA_R_32F) {
		((float *)p)[i] = v;
		return;
	}
	u32 bits = to_bits(v);
	((u16 *)p)[i] = t == CUDA_R_16F ? float_to_half(v) : (u16)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

extern "C" {

cublasStatus_t cublasCreate_v2(cublasHandle_t *h) {
	if (!has_context()) return CUBLAS_STATUS_NOT_INITIALIZED;
	if (wanted_to_fail(__func__)) return CUBLAS_STATUS_ALLOC_FAILED;
	*h = new cublasContext{};
	count_alive("cuBLAS handles", 1);
	return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasDestroy_v2(cublasHandle_t h) {
	count_alive("cuBLAS handles", -1);
	delete h;
	return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetStream_v2(cublasHandle_t h, cudaStream_t s) {
	h->stream = (CUstream)s;
	h->space = nullptr; // as the real one does
	return CUBLAS_STATUS_SUCCESS;
}
cublasStatus_t cublasSetWorkspace_v2(cublasHandle_t h, void *p, size_t bytes) {
	resolve((uint64_t)p, bytes, 256, "cuBLAS's workspace");
	h->space = p;
	h->bytes = bytes;
	return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasGemmEx(cublasHandle_t h, cublasOperation_t ta, cublasOperation_t tb, int m, int n, int k, const void *alpha, const void *a, cudaDataType at, int lda,
                            const void *b, cudaDataType bt, int ldb, const void *beta, void *c, cudaDataType ct, int ldc, cublasComputeType_t compute, cublasGemmAlgo_t algo) {
	if (wanted_to_fail(__func__)) return CUBLAS_STATUS_EXECUTION_FAILED;
	if (!h->space) fail("cublasGemmEx without a workspace of its own");
	if (m < 1 || n < 1 || k < 1 || lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) fail("cublasGemmEx: %dx%dx%d, leading dimensions %d, %d, %d", m, n, k, lda, ldb, ldc);
	if (at != bt || (ct != at && ct != CUDA_R_32F)) return CUBLAS_STATUS_NOT_SUPPORTED;
	bool single = at == CUDA_R_32F;
	if (algo != CUBLAS_GEMM_DEFAULT || (compute != CUBLAS_COMPUTE_32F && !(single && compute == CUBLAS_COMPUTE_32F_FAST_TF32))) fail("cublasGemmEx: algorithm or compute type");
	if (*(const float *)alpha != 1 || *(const float *)beta != 0) fail("cublasGemmEx: alpha and beta");
	size_t na = (size_t)lda * (ta ? m : k), nb = (size_t)ldb * (tb ? k : n), nc = (size_t)ldc * n;
	bool queued = enqueue(h->stream, __func__, beginnings({a, b, c}), [=] {
		std::vector<float> A = floats(resolve((uint64_t)a, na * size_of(at), size_of(at), "A"), at, na);
		std::vector<float> B = floats(resolve((uint64_t)b, nb * size_of(bt), size_of(bt), "B"), bt, nb);
		void *C = resolve((uint64_t)c, nc * size_of(ct), size_of(ct), "C");
		for (int j = 0; j < n; j++)
			for (int i = 0; i < m; i++) {
				float sum = 0;
				for (int p = 0; p < k; p++)
					sum += A[ta ? (size_t)i * lda + p : (size_t)p * lda + i] * B[tb ? (size_t)p * ldb + j : (size_t)j * ldb + p];
				set(C, ct, (size_t)j * ldc + i, sum);
			}
	});
	return queued ? CUBLAS_STATUS_SUCCESS : CUBLAS_STATUS_NOT_INITIALIZED;
}
}
