// The arithmetic of optimisers on whole parameters.

void sgd(float *w, const float *grad, float *v, int64_t n, float lr, float momentum, float decay, float l1, float grad_scale) {
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i++) {
    float g = grad_scale * grad[i] + decay * w[i] + l1 * (float)((w[i] > 0) - (w[i] < 0));
    v[i] = momentum * v[i] + g;
    w[i] -= lr * v[i];
  }
}

// In explicit vectors: std::sqrt may set errno, which keeps compilers from vectorising a loop. A value's arithmetic is the same
// wherever it lies, so that threads change no bits.
void adamw(float *w, const float *grad, float *m, float *v, int64_t n, const sn_adamw_step *step) {
  const sn_adamw_step s = *step;
#pragma omp parallel for schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i += LANES) {
    const int64_t left = n - i;
    auto read = [=](const float *p) { return left >= LANES ? load(p + i) : load_part(p + i, left); };
    auto write = [=](float *p, Vec x) { left >= LANES ? store(p + i, x) : store_part(p + i, x, left); };
    const Vec g = s.grad_scale * read(grad), before = read(m);
    const Vec mean = before + s.rest1 * (g - before), square = s.beta2 * read(v) + s.rest2 * g * g;
    write(m, mean);
    write(v, square);
    write(w, s.keep * read(w) - s.step_size * mean / (root(square) * s.inverse_root + s.eps));
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
