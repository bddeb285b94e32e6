// Resizing by tables: each axis says which source rows (columns) a target row (column) is the weighted sum of.

template <class T, class Residual, class Rectify>
static void resize_rows(const T *x, const T *residual, T *y, sn_axis rows, sn_axis columns, int64_t n, int64_t h, int64_t w,
                        int64_t c, int64_t oh, int64_t ow, Residual, Rectify) {
#pragma omp parallel for schedule(static) if (n * oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < n * oh; row++) {
    const T *image = x + row / oh * h * w * c;
    int32_t r0 = rows.begin[row % oh], r1 = rows.begin[row % oh + 1];
    for (int64_t ox = 0; ox < ow; ox++) {
      int32_t k0 = columns.begin[ox], k1 = columns.begin[ox + 1];
      int64_t to = (row * ow + ox) * c;
      auto finish = [&](float v, int64_t i) {
        if (Residual()) v += float(residual[to + i]);
        put(y[to + i], Rectify() ? rectified(v) : v);
      };
      if (r1 - r0 == 1 && k1 - k0 == 1) {
        const T *a = image + (rows.index[r0] * w + columns.index[k0]) * c;
        float f = rows.weight[r0] * columns.weight[k0];  // 1 for nearest
#pragma omp simd
        for (int64_t i = 0; i < c; i++) finish(f * float(a[i]), i);
      } else if (r1 - r0 == 2 && k1 - k0 == 2) {
        const T *top = image + rows.index[r0] * w * c, *bottom = image + rows.index[r0 + 1] * w * c;
        int64_t left = columns.index[k0] * c, right = columns.index[k0 + 1] * c;
        float wt = rows.weight[r0], wb = rows.weight[r0 + 1], wl = columns.weight[k0], wr = columns.weight[k0 + 1];
#pragma omp simd
        for (int64_t i = 0; i < c; i++)
          finish(wt * (wl * float(top[left + i]) + wr * float(top[right + i])) +
                     wb * (wl * float(bottom[left + i]) + wr * float(bottom[right + i])),
                 i);
      } else {
        blocks(0, c, [&](int64_t c0, auto lanes) {
          float sum[SN_LANES] = {};
          for (int32_t r = r0; r < r1; r++)
            for (int32_t k = k0; k < k1; k++) {
              const T *a = image + (rows.index[r] * w + columns.index[k]) * c + c0;
              float f = rows.weight[r] * columns.weight[k];
#pragma omp simd
              for (int64_t i = 0; i < lanes; i++) sum[i] += f * float(a[i]);
            }
#pragma omp simd
          for (int64_t i = 0; i < lanes; i++) finish(sum[i], c0 + i);
        });
      }
    }
  }
}

void resize(int type, const void *x, const void *residual, int relu, void *y, sn_axis rows, sn_axis columns, int64_t n,
            int64_t h, int64_t w, int64_t c, int64_t oh, int64_t ow) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    flag(residual, [&](auto adds) {
      flag(relu, [&](auto rectify) {
        resize_rows((const T *)x, (const T *)residual, (T *)y, rows, columns, n, h, w, c, oh, ow, adds, rectify);
      });
    });
  });
}
