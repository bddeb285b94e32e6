// The arithmetic of optimisers on whole parameters.

void sgd(float *w, const float *grad, float *v, int64_t n, float lr, float momentum, float decay, float grad_scale) {
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i++) {
    float g = grad_scale * grad[i] + decay * w[i];
    v[i] = momentum * v[i] + g;
    w[i] -= lr * v[i];
  }
}

void blend(float *dst, const float *src, int64_t n, float a, float b) {
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i++) dst[i] = b == 0 ? a * src[i] : a * src[i] + b * dst[i];
}

// In float64, in 8 lanes a block and blocks in order: one thread, and still as fast as memory.
double sum_squares(const float *x, int64_t n) {
  double sum = 0;
  enum { block = 1 << 14 };
  for (int64_t from = 0; from < n; from += block) {
    double lane[8] = {};
    int64_t end = std::min<int64_t>(n, from + block), i = from;
    for (; i + 8 <= end; i += 8)
      for (int k = 0; k < 8; k++) lane[k] += double(x[i + k]) * double(x[i + k]);
    for (; i < end; i++) lane[i & 7] += double(x[i]) * double(x[i]);
    for (double l : lane) sum += l;
  }
  return sum;
}
