// What squeeze and excitation needs beyond pools and convolutions. Outputs may lie on inputs of their size.

void sigmoid(int type, const void *x, void *y, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x;
    auto z = (T *)y;
#pragma omp parallel for schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) put(z[i], 1 / (1 + std::exp(-float(a[i]))));
  });
}

void sigmoid_grad(int type, const void *y, const void *dy, void *dx, int64_t n) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)y, d = (const T *)dy;
    auto z = (T *)dx;
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
    for (int64_t i = 0; i < n; i++) put(z[i], float(d[i]) * float(a[i]) * (1 - float(a[i])));
  });
}

template <class T, class Residual, class Rectify>
static void scale_rows_of_images(const T *x, const T *scale, const T *residual, T *y, int64_t n, int64_t pixels, int64_t c,
                                 Residual, Rectify) {
#pragma omp parallel for schedule(static) if (n * pixels * c > SN_SMALL)
  for (int64_t row = 0; row < n * pixels; row++) {
    const T *a = x + row * c, *s = scale + row / pixels * c, *b = residual + (Residual() ? row * c : 0);
    T *z = y + row * c;
#pragma omp simd
    for (int64_t i = 0; i < c; i++) {
      float v = float(a[i]) * float(s[i]);
      if (Residual()) v += float(b[i]);
      put(z[i], Rectify() ? rectified(v) : v);
    }
  }
}

void scale_channels(int type, const void *x, const void *scale, const void *residual, int relu, void *y, int64_t n,
                    int64_t pixels, int64_t c) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    flag(residual, [&](auto adds) {
      flag(relu, [&](auto rectify) {
        scale_rows_of_images((const T *)x, (const T *)scale, (const T *)residual, (T *)y, n, pixels, c, adds, rectify);
      });
    });
  });
}

void scale_channels_grad(int type, const void *x, const void *dy, void *dscale, double *scratch, int64_t n, int64_t pixels,
                         int64_t c) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    for (int64_t image = 0; image < n; image++) {
      auto a = (const T *)x + image * pixels * c, d = (const T *)dy + image * pixels * c;
      T *z = (T *)dscale + image * c;
      column_sums<1>(
          pixels, c, scratch,
          [=](int64_t r, int64_t c0, auto lanes, float(*sums)[SN_LANES]) {
            auto row = a + r * c + c0, drow = d + r * c + c0;
#pragma omp simd
            for (int64_t i = 0; i < lanes; i++) sums[0][i] += float(row[i]) * float(drow[i]);
          },
          [=](int64_t i, const double *total) { put(z[i], float(total[0])); });
    }
  });
}
