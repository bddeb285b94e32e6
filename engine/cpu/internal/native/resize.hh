// Resizing by tables: each axis says which source rows (columns) a target row (column) is the weighted sum of.

// Target is what all resizes have in common: where the results go, and what is done to them.
template <class T, class Residual, class Rectify>
struct Target {
  const T *residual;
  T *y;
  int64_t n, c, oh, ow;
  SN_INLINE void finish(int64_t at, float v) const {
    if (Residual()) v += float(residual[at]);
    put(y[at], Rectify() ? rectified(v) : v);
  }
};

// Every target pixel is a source pixel of each of `count` sources.
template <int count, class T, class Target>
static void resize_repeat(const sn_source *s, const Target &target) {
  int64_t c = target.c, ow = target.ow;
#pragma omp parallel for schedule(static) if (target.n * target.oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < target.n * target.oh; row++) {
    const Target t = target;
    const T *from[count], *pixel[count];
    for (int k = 0; k < count; k++) {
      int64_t y = s[k].rows.index[row % t.oh];
      from[k] = (const T *)s[k].x + (row / t.oh * s[k].h + y) * s[k].w * c;
    }
    for (int64_t x = 0; x < ow; x++) {
      for (int k = 0; k < count; k++) pixel[k] = from[k] + s[k].columns.index[x] * c;
      const int64_t at = (row * ow + x) * c;
#pragma omp simd
      for (int64_t i = 0; i < c; i++) {
        float v = float(pixel[0][i]);
        for (int k = 1; k < count; k++) v += float(pixel[k][i]);
        t.finish(at + i, v);
      }
    }
  }
}

// Every target pixel lies between four pixels of one source.
template <class T, class Target>
static void resize_pairs(const sn_source *s, const Target &target) {
  int64_t c = target.c, ow = target.ow;
#pragma omp parallel for schedule(static) if (target.n * target.oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < target.n * target.oh; row++) {
    const Target t = target;
    const T *image = (const T *)s->x + row / t.oh * s->h * s->w * c;
    int64_t r = 2 * (row % t.oh);
    const T *top = image + s->rows.index[r] * s->w * c, *bottom = image + s->rows.index[r + 1] * s->w * c;
    const float wt = s->rows.weight[r], wb = s->rows.weight[r + 1];
    for (int64_t x = 0; x < ow; x++) {
      const float wl = s->columns.weight[2 * x], wr = s->columns.weight[2 * x + 1];
      const int64_t left = s->columns.index[2 * x] * c, right = s->columns.index[2 * x + 1] * c, at = (row * ow + x) * c;
#pragma omp simd
      for (int64_t i = 0; i < c; i++)
        t.finish(at + i, wt * (wl * float(top[left + i]) + wr * float(top[right + i])) +
                             wb * (wl * float(bottom[left + i]) + wr * float(bottom[right + i])));
    }
  }
}

template <class T, class Target>
static void resize_any(const sn_source *s, int count, const Target &target) {
  int64_t c = target.c, ow = target.ow;
#pragma omp parallel for schedule(static) if (target.n * target.oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < target.n * target.oh; row++) {
    const Target t = target;
    for (int64_t x = 0; x < ow; x++)
      blocks(0, c, [&](int64_t c0, auto lanes) {
        float sum[SN_LANES] = {};
        for (const sn_source *from = s; from < s + count; from++) {
          const T *image = (const T *)from->x + row / t.oh * from->h * from->w * c + c0;
          const int32_t *r = from->rows.begin + row % t.oh, *k = from->columns.begin + x;
          for (int32_t a = r[0]; a < r[1]; a++)
            for (int32_t b = k[0]; b < k[1]; b++) {
              const T *pixel = image + (from->rows.index[a] * from->w + from->columns.index[b]) * c;
              const float f = from->rows.weight[a] * from->columns.weight[b];
#pragma omp simd
              for (int64_t i = 0; i < lanes; i++) sum[i] += f * float(pixel[i]);
            }
        }
        const int64_t at = (row * ow + x) * c + c0;
#pragma omp simd
        for (int64_t i = 0; i < lanes; i++) t.finish(at + i, sum[i]);
      });
  }
}

void resize(int type, const sn_source *sources, int count, int axes, const void *residual, int relu, void *y, int64_t n,
            int64_t c, int64_t oh, int64_t ow) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    flag(residual, [&](auto adds) {
      flag(relu, [&](auto rectify) {
        Target<T, decltype(adds), decltype(rectify)> target{(const T *)residual, (T *)y, n, c, oh, ow};
        if (axes == SN_REPEAT && count == 1) return resize_repeat<1, T>(sources, target);
        if (axes == SN_REPEAT && count == 2) return resize_repeat<2, T>(sources, target);
        if (axes == SN_REPEAT && count == 3) return resize_repeat<3, T>(sources, target);
        if (axes == SN_PAIRS && count == 1) return resize_pairs<T>(sources, target);
        resize_any<T>(sources, count, target);
      });
    });
  });
}
