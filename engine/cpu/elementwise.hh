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
