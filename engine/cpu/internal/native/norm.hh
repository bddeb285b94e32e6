// Norms, their gradients, and what folds them into weights.

void bias_grad(int type, const void *dy, float *db, double *scratch, int64_t rows, int64_t c) {
  typed(type, [&](auto t) {
    auto d = (const decltype(t) *)dy;
    column_sums<1>(
        rows, c, scratch,
        [=](int64_t r, int64_t c0, auto lanes, float(*sums)[SN_LANES]) {
          auto row = d + r * c + c0;
#pragma omp simd
          for (int64_t i = 0; i < lanes; i++) sums[0][i] += float(row[i]);
        },
        [=](int64_t i, const double *total) { db[i] = float(total[0]); });
  });
}

// The variance is taken about the first row, a value of the channel's own size: a plain sum of squares would lose the
// variance of channels whose mean is large.
void moments(int type, const void *x, float *moments, double *scratch, int64_t rows, int64_t c) {
  typed(type, [&](auto t) {
    auto a = (const decltype(t) *)x;
    column_sums<2>(
        rows, c, scratch,
        [=](int64_t r, int64_t c0, auto lanes, float(*sums)[SN_LANES]) {
          auto row = a + r * c + c0, origin = a + c0;
#pragma omp simd
          for (int64_t i = 0; i < lanes; i++) {
            float d = float(row[i]) - float(origin[i]);
            sums[0][i] += d;
            sums[1][i] += d * d;
          }
        },
        [=](int64_t i, const double *total) {
          double d = total[0] / double(rows);
          moments[i] = float(double(float(a[i])) + d);
          moments[c + i] = float(std::max(total[1] / double(rows) - d * d, 0.0));
        });
  });
}

void norm_coefficients(const float *weight, const float *bias, const float *mean, const float *variance, double eps,
                       float *scale, float *shift, int64_t c) {
  for (int64_t i = 0; i < c; i++) {
    double s = double(weight[i]) / std::sqrt(double(variance[i]) + eps);
    scale[i] = float(s);
    if (shift) shift[i] = bias ? float(double(bias[i]) - double(mean[i]) * s) : 0.0f;
  }
}

// Joined takes rows of few channels several at a time, so that vectors are full: their coefficients stand one behind the other.
template <int n>
struct Joined {
  enum { MOST = 128 };  // channels of joined rows
  int64_t times;
  float coefficients[n][MOST];

  Joined(int64_t c, const float *const (&from)[n]) : times(std::max<int64_t>(MOST / std::max<int64_t>(c, 1), 1)) {
    for (int k = 0; k < n && times > 1; k++)
      for (int64_t i = 0; i < times * c; i++) coefficients[k][i] = from[k] ? from[k][i % c] : 0.0f;
  }
  // each calls f(first row, rows, channels, coefficients) for the joined rows and for those that are left.
  template <class F>
  void each(int64_t rows, int64_t c, const float *const (&from)[n], F f) const {
    const float *joined[n];
    for (int k = 0; k < n; k++) joined[k] = times > 1 ? coefficients[k] : from[k];
    f(0, rows / times, c * times, joined);
    if (rows % times) f(rows / times * times, rows % times, c, from);
  }
};

template <class T, class Shift, class Residual, class Rectify>
static void affine_rows(const T *x, const float *scale, const float *shift, const T *residual, T *y, int64_t rows, int64_t c,
                        Shift, Residual, Rectify) {
#pragma omp parallel for schedule(static) if (rows * c > SN_SMALL)
  for (int64_t r = 0; r < rows; r++) {
    const T *a = x + r * c, *b = residual + (Residual() ? r * c : 0);
    T *z = y + r * c;
#pragma omp simd
    for (int64_t i = 0; i < c; i++) {
      float v = float(a[i]) * scale[i];
      if (Shift()) v += shift[i];
      if (Residual()) v += float(b[i]);
      put(z[i], Rectify() ? rectified(v) : v);
    }
  }
}

void affine(int type, const void *x, const float *scale, const float *shift, const void *residual, int relu, void *y,
            int64_t rows, int64_t c) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    flag(shift, [&](auto shifts) {
      flag(residual, [&](auto adds) {
        flag(relu, [&](auto rectify) {
          const float *const all[] = {scale, shift};
          Joined<2>(c, all).each(rows, c, all, [&](int64_t row, int64_t n, int64_t channels, const float *const *by) {
            const int64_t at = row * c;
            affine_rows((const T *)x + at, by[0], by[1], (const T *)residual + (adds ? at : 0), (T *)y + at, n, channels, shifts, adds, rectify);
          });
        });
      });
    });
  });
}

void norm_grad_params(int type, const void *x, const float *moments, const void *dy, double eps, float *dparams,
                      double *scratch, int64_t rows, int64_t c) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    auto a = (const T *)x, d = (const T *)dy;
    column_sums<2>(
        rows, c, scratch,
        [=](int64_t r, int64_t c0, auto lanes, float(*sums)[SN_LANES]) {
          auto row = a + r * c + c0, drow = d + r * c + c0;
#pragma omp simd
          for (int64_t i = 0; i < lanes; i++) {
            sums[0][i] += float(drow[i]) * (float(row[i]) - moments[c0 + i]);
            sums[1][i] += float(drow[i]);
          }
        },
        [=](int64_t i, const double *total) {
          dparams[i] = float(total[0] / std::sqrt(double(moments[c + i]) + eps));
          dparams[c + i] = float(total[1]);
        });
  });
}

template <class T>
static void norm_grad_input_rows(const T *x, const T *dy, const float *const *by, T *dx, int64_t rows, int64_t c) {
  const float *scale = by[0], *slope = by[1], *mean = by[2], *constant = by[3];
#pragma omp parallel for schedule(static) if (rows * c > SN_SMALL)
  for (int64_t r = 0; r < rows; r++) {
    const T *a = x + r * c, *d = dy + r * c;
    T *z = dx + r * c;
#pragma omp simd
    for (int64_t i = 0; i < c; i++) put(z[i], scale[i] * float(d[i]) + (slope[i] * (float(a[i]) - mean[i]) + constant[i]));
  }
}

// dx = weight * inv * (dy - dbias/rows - (x - mean) * inv * dweight/rows) with inv = 1/sqrt(variance + eps), written as
// scale * dy + slope * (x - mean) + constant. scratch has 3 c floats.
void norm_grad_input(int type, const void *x, const float *weight, const float *moments, const void *dy,
                     const float *dparams, double eps, void *dx, float *scratch, int64_t rows, int64_t c) {
  float *scale = scratch, *slope = scratch + c, *constant = scratch + 2 * c;
  for (int64_t i = 0; i < c; i++) {
    double inv = 1 / std::sqrt(double(moments[c + i]) + eps), s = double(weight[i]) * inv;
    scale[i] = float(s);
    slope[i] = float(-s * inv * double(dparams[i]) / double(rows));
    constant[i] = float(-s * double(dparams[c + i]) / double(rows));
  }
  typed(type, [&](auto t) {
    using T = decltype(t);
    const float *const all[] = {scale, slope, moments, constant};
    Joined<4>(c, all).each(rows, c, all, [&](int64_t row, int64_t n, int64_t channels, const float *const *by) {
      norm_grad_input_rows((const T *)x + row * c, (const T *)dy + row * c, by, (T *)dx + row * c, n, channels);
    });
  });
}

void fold_weight(const float *weight, const float *scale, float *w, int64_t co, int64_t weight_ci, int64_t from, int64_t ci,
                 int64_t kernel) {
#pragma omp parallel for schedule(static) if (co * ci * kernel > SN_SMALL)
  for (int64_t o = 0; o < co; o++) {
    const float *a = weight + (o * weight_ci + from) * kernel;
    float *z = w + o * ci * kernel, s = scale ? scale[o] : 1.0f;
#pragma omp simd
    for (int64_t i = 0; i < ci * kernel; i++) z[i] = a[i] * s;
  }
}

void scale_rows(float *w, const float *scale, int64_t rows, int64_t columns) {
#pragma omp parallel for schedule(static) if (rows * columns > SN_SMALL)
  for (int64_t r = 0; r < rows; r++)
#pragma omp simd
    for (int64_t i = 0; i < columns; i++) w[r * columns + i] *= scale[r];
}

void merge_groups(const float *weight, const float *scale, float *w, int64_t co, int64_t size, int64_t groups, int64_t merge) {
  for (int64_t o = 0; o < co; o++) {
    float *row = w + o * merge * size, *own = row + o / (co / groups) % merge * size, s = scale ? scale[o] : 1.0f;
    std::fill(row, row + merge * size, 0.0f);
#pragma omp simd
    for (int64_t i = 0; i < size; i++) own[i] = weight[o * size + i] * s;
  }
}
