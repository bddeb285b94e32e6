// Elementwise loops, copies and casts. Outputs may lie on inputs: each element is read before it is written.

void relu(int type, const void *x, void *y, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x;
    auto z = (T *)y;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) put(z[i], rectified(float(a[i])));
  });
}

void relu_grad(int type, const void *y, const void *dy, void *dx, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)y, d = (const T *)dy;
    auto z = (T *)dx;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) put(z[i], where_positive(float(a[i]), float(d[i])));
  });
}

// exp_minus is exp(-v) for v >= 0 by Cephes' polynomial, and 0 above 87.7. Loops with it are vectorised: no calls, no conditions.
static SN_INLINE float exp_minus(float v) {
  uint32_t bits;
  std::memcpy(&bits, &v, 4);
  bits = bits < 0x42b00000 ? bits : 0x42b00000;  // at most 88 (also where v is NaN), compared in integers as in where_positive
  std::memcpy(&v, &bits, 4);
  const float round = 12582912.0f;  // 1.5 * 2^23: sums with it are whole numbers
  float n = (v * 1.44269504f + round) - round;
  float r = n * 0.693359375f - v - n * 2.12194440e-4f;  // log(2) in two parts
  float p = 1.9875691500e-4f;
  p = p * r + 1.3981999507e-3f;
  p = p * r + 8.3334519073e-3f;
  p = p * r + 4.1665795894e-2f;
  p = p * r + 1.6666665459e-1f;
  p = p * r + 5.0000001201e-1f;
  bits = uint32_t(127 - int32_t(n)) << 23;  // of 2^-n; 0 where n is 127
  float power;
  std::memcpy(&power, &bits, 4);
  return (p * r * r + r + 1) * power;
}

// normal_cdf is the standard normal distribution, given e = exp(-x * x / 2): Abramowitz and Stegun, 7.1.26, to 1.5e-7.
static SN_INLINE float normal_cdf(float x, float e) {
  float t = 1 / (1 + 0.3275911f * 0.70710678f * std::fabs(x)), p = 1.061405429f;
  p = p * t - 1.453152027f;
  p = p * t + 1.421413741f;
  p = p * t - 0.284496736f;
  p = p * t + 0.254829592f;
  float tail = 0.5f * e * (p * t);  // of -|x|
  return tail + where_positive(x, 1 - 2 * tail);
}

void gelu(int type, const void *x, void *y, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x;
    auto z = (T *)y;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) {
      float v = float(a[i]);
      put(z[i], v * normal_cdf(v, exp_minus(0.5f * v * v)));
    }
  });
}

void gelu_grad(int type, const void *x, const void *dy, void *dx, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x, d = (const T *)dy;
    auto z = (T *)dx;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) {
      float v = float(a[i]), e = exp_minus(0.5f * v * v);
      put(z[i], float(d[i]) * (normal_cdf(v, e) + v * (0.39894228f * e)));  // 1 / sqrt(2 * pi)
    }
  });
}

static SN_INLINE float relu6(float v) {
  v = rectified(v);
  return v > 6.0f ? 6.0f : v;
}

void hard_swish(int type, const void *x, void *y, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x;
    auto z = (T *)y;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) {
      float v = float(a[i]);
      put(z[i], v * (relu6(v + 3) * (1 / 6.0f)));
    }
  });
}

void hard_swish_grad(int type, const void *x, const void *dy, void *dx, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x, d = (const T *)dy;
    auto z = (T *)dx;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) {
      float v = float(a[i]);
      put(z[i], float(d[i]) * where_positive(v + 3, 1 + where_positive(3 - v, v * (1 / 3.0f) - 0.5f)));
    }
  });
}

void hard_sigmoid(int type, const void *x, void *y, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x;
    auto z = (T *)y;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) put(z[i], relu6(float(a[i]) + 3) * (1 / 6.0f));
  });
}

void hard_sigmoid_grad(int type, const void *x, const void *dy, void *dx, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x, d = (const T *)dy;
    auto z = (T *)dx;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) {
      float v = float(a[i]);
      put(z[i], where_positive(v + 3, where_positive(3 - v, float(d[i]) * (1 / 6.0f))));
    }
  });
}

template <class T, class Rectify>
static void add_all(const T *a, const T *b, T *y, int64_t n, Rectify) {
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i++) {
    float s = float(a[i]) + float(b[i]);
    put(y[i], Rectify() ? rectified(s) : s);
  }
}

void add(int type, const void *a, const void *b, int relu, void *y, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    flag(relu, [&](auto rectify) { add_all((const T *)a, (const T *)b, (T *)y, n, rectify); });
  });
}

void add_relu_grad(int type, const void *y, const void *a, const void *b, void *dx, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto o = (const T *)y, p = (const T *)a, q = (const T *)b;
    auto z = (T *)dx;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) put(z[i], where_positive(float(o[i]), float(p[i]) + float(q[i])));
  });
}

void cast(int from, int to, const void *x, void *y, int64_t n) {
  typed(from, [&](auto f) {
    typed(to, [&](auto t) {
      auto a = (const decltype(f) *)x;
      using T = decltype(t);
      auto z = (T *)y;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
      for (int64_t i = 0; i < n; i++) put(z[i], float(a[i]));
    });
  });
}

void copy_rows(const void *x, int64_t x_stride, void *y, int64_t y_stride, int64_t bytes, int64_t rows) {
  // Few long rows are cut, so that threads share them.
  int64_t part = rows >= 64 ? bytes : std::min<int64_t>(bytes, 1 << 15), parts = (bytes + part - 1) / part;
#pragma omp parallel for collapse(2) schedule(static) if (bytes * rows > 4 * SN_SMALL)
  for (int64_t r = 0; r < rows; r++)
    for (int64_t p = 0; p < parts; p++)
      std::memcpy((char *)y + r * y_stride + p * part, (const char *)x + r * x_stride + p * part,
                  size_t(std::min(part, bytes - p * part)));
}

void clear(void *y, int64_t bytes) {
  int64_t part = 1 << 15, parts = (bytes + part - 1) / part;
#pragma omp parallel for schedule(static) if (parts > 1)
  for (int64_t p = 0; p < parts; p++) std::memset((char *)y + p * part, 0, size_t(std::min(part, bytes - p * part)));
}
