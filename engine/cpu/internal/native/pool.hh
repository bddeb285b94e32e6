// Pools over NHWC features: channels are the vector dimension, taken SN_LANES at a time.

// Window is the part of a pooling window that lies inside the image, along one axis.
struct Window {
  int64_t begin, end;
  SN_INLINE Window(int64_t out, int64_t kernel, int64_t stride, int64_t pad, int64_t in)
      : begin(std::max<int64_t>(out * stride - pad, 0)), end(std::min(out * stride - pad + kernel, in)) {}
};

template <class T, class Max>
static void pool_rows(const sn_pool *p, const T *x, T *y, Max is_max) {
  int64_t c = p->c;
  float share = 1.0f / float(p->kernel * p->kernel);
#pragma omp parallel for schedule(static) if (p->n * p->oh * p->ow * c > SN_SMALL)
  for (int64_t row = 0; row < p->n * p->oh; row++) {
    const T *image = x + row / p->oh * p->h * p->w * c;
    Window wy(row % p->oh, p->kernel, p->stride, p->pad, p->h);
    for (int64_t ox = 0; ox < p->ow; ox++) {
      Window wx(ox, p->kernel, p->stride, p->pad, p->w);
      T *z = y + (row * p->ow + ox) * c;
      blocks(0, c, [&](int64_t c0, auto lanes) {
        float best[SN_LANES];
        for (int64_t i = 0; i < SN_LANES; i++) best[i] = is_max ? -INFINITY : 0.0f;
        for (int64_t iy = wy.begin; iy < wy.end; iy++)
          for (int64_t ix = wx.begin; ix < wx.end; ix++) {
            const T *a = image + (iy * p->w + ix) * c + c0;
#pragma omp simd
            for (int64_t i = 0; i < lanes; i++) {
              float v = float(a[i]);
              best[i] = is_max ? (v > best[i] || v != v ? v : best[i]) : best[i] + v;
            }
          }
        for (int64_t i = 0; i < lanes; i++) put(z[c0 + i], is_max ? best[i] : best[i] * share);
      });
    }
  }
}

void max_pool(int type, const sn_pool *p, const void *x, void *y) {
  typed(type, [&](auto t) { pool_rows(p, (const decltype(t) *)x, (decltype(t) *)y, std::true_type()); });
}

void avg_pool(int type, const sn_pool *p, const void *x, void *y) {
  typed(type, [&](auto t) { pool_rows(p, (const decltype(t) *)x, (decltype(t) *)y, std::false_type()); });
}

// first_largest finds each channel's largest value in a window, and at which pixel it first is.
template <class T, class Lanes>
static SN_INLINE void first_largest(const T *image, const sn_pool *p, Window wy, Window wx, Lanes lanes, float *best,
                                    int32_t *at) {
  for (int k = 0; k < SN_LANES; k++) best[k] = -INFINITY, at[k] = int32_t(wy.begin * p->w + wx.begin);
  for (int64_t iy = wy.begin; iy < wy.end; iy++)
    for (int64_t ix = wx.begin; ix < wx.end; ix++) {
      const int32_t pixel = int32_t(iy * p->w + ix);
      const T *a = image + pixel * p->c;
#pragma omp simd
      for (int64_t k = 0; k < lanes; k++) {
        float v = float(a[k]);
        bool more = v > best[k] || v != v;
        best[k] = more ? v : best[k];
        at[k] = more ? pixel : at[k];
      }
    }
}

// The window's first largest value is found again and gets the gradient. Windows may overlap: a thread takes a band of input
// rows and, of all windows that reach into it, the part inside.
template <class T>
static void max_pool_grad_bands(const sn_pool *p, const T *x, const T *dy, T *dx) {
  enum { band = 16 };
  int64_t c = p->c, bands = (p->h + band - 1) / band;
#pragma omp parallel for schedule(static) if (p->n * p->h * p->w * c > SN_SMALL)
  for (int64_t job = 0; job < p->n * bands; job++) {
    int64_t image = job / bands, first = job % bands * band, last = std::min<int64_t>(first + band, p->h);
    T *z = dx + image * p->h * p->w * c;
    std::memset((void *)(z + first * p->w * c), 0, size_t((last - first) * p->w * c) * sizeof(T));
    for (int64_t oy = std::max<int64_t>(first + p->pad - p->kernel, 0) / p->stride; oy < p->oh; oy++) {
      Window wy(oy, p->kernel, p->stride, p->pad, p->h);
      int64_t y0 = std::max(wy.begin, first), y1 = std::min(wy.end, last);
      if (wy.begin >= last) break;
      for (int64_t ox = 0; ox < p->ow && y0 < y1; ox++) {
        Window wx(ox, p->kernel, p->stride, p->pad, p->w);
        const T *d = dy + ((image * p->oh + oy) * p->ow + ox) * c;
        blocks(0, c, [&](int64_t c0, auto lanes) {
          float best[SN_LANES];
          int32_t at[SN_LANES];
          first_largest(x + image * p->h * p->w * c + c0, p, wy, wx, lanes, best, at);
          for (int64_t iy = y0; iy < y1; iy++)
            for (int64_t ix = wx.begin; ix < wx.end; ix++) {
              const int32_t pixel = int32_t(iy * p->w + ix);
              T *to = z + pixel * c + c0;
#pragma omp simd
              for (int64_t k = 0; k < lanes; k++) put(to[k], float(to[k]) + (at[k] == pixel ? float(d[c0 + k]) : 0.0f));
            }
        });
      }
    }
  }
}

void max_pool_grad(int type, const sn_pool *p, const void *x, const void *dy, void *dx) {
  typed(type, [&](auto t) {
    using T = decltype(t);
    max_pool_grad_bands(p, (const T *)x, (const T *)dy, (T *)dx);
  });
}

// Each input pixel collects from the windows it lies in.
void avg_pool_grad(int type, const sn_pool *p, const void *dy, void *dx) {
  int64_t c = p->c;
  float share = 1.0f / float(p->kernel * p->kernel);
  auto windows = [p](int64_t i, int64_t outs, int64_t &first, int64_t &last) {  // [first, last] contain pixel i
    int64_t low = i + p->pad - p->kernel + 1;
    first = low <= 0 ? 0 : (low + p->stride - 1) / p->stride;
    last = std::min((i + p->pad) / p->stride, outs - 1);
  };
  typed(type, [&](auto t) {
    using T = decltype(t);
#pragma omp parallel for schedule(static) if (p->n * p->h * p->w * c > SN_SMALL)
    for (int64_t row = 0; row < p->n * p->h; row++) {
      const T *d = (const T *)dy + row / p->h * p->oh * p->ow * c;
      int64_t y0, y1;
      windows(row % p->h, p->oh, y0, y1);
      for (int64_t ix = 0; ix < p->w; ix++) {
        int64_t x0, x1;
        windows(ix, p->ow, x0, x1);
        T *z = (T *)dx + (row * p->w + ix) * c;
        blocks(0, c, [&](int64_t c0, auto lanes) {
          float sum[SN_LANES] = {};
          for (int64_t oy = y0; oy <= y1; oy++)
            for (int64_t ox = x0; ox <= x1; ox++) {
              const T *a = d + (oy * p->ow + ox) * c + c0;
#pragma omp simd
              for (int64_t i = 0; i < lanes; i++) sum[i] += float(a[i]);
            }
          for (int64_t i = 0; i < lanes; i++) put(z[c0 + i], sum[i] * share);
        });
      }
    }
  });
}

void global_avg_pool(int x_type, int y_type, const void *x, void *y, int64_t n, int64_t pixels, int64_t c) {
  int64_t parts = (c + SN_LANES - 1) / SN_LANES;
  typed(x_type, [&](auto s) {
    typed(y_type, [&](auto t) {
      using T = decltype(t);
#pragma omp parallel for schedule(static) if (n * pixels * c > SN_SMALL)
      for (int64_t job = 0; job < n * parts; job++) {
        int64_t image = job / parts, c0 = job % parts * SN_LANES, lanes = std::min<int64_t>(SN_LANES, c - c0);
        auto a = (const decltype(s) *)x + image * pixels * c + c0;
        float sum[SN_LANES] = {};
        for (int64_t i = 0; i < pixels; i++)
#pragma omp simd
          for (int64_t k = 0; k < lanes; k++) sum[k] += float(a[i * c + k]);
        for (int64_t k = 0; k < lanes; k++) put(((T *)y)[image * c + c0 + k], sum[k] / float(pixels));
      }
    });
  });
}

void global_avg_pool_grad(int dy_type, int dx_type, const void *dy, void *dx, int64_t n, int64_t pixels, int64_t c) {
  typed(dy_type, [&](auto s) {
    typed(dx_type, [&](auto t) {
      using T = decltype(t);
      float share = 1.0f / float(pixels);
#pragma omp parallel for schedule(static) if (n * pixels * c > SN_SMALL)
      for (int64_t row = 0; row < n * pixels; row++) {
        auto d = (const decltype(s) *)dy + row / pixels * c;
        T *z = (T *)dx + row * c;
#pragma omp simd
        for (int64_t i = 0; i < c; i++) put(z[i], float(d[i]) * share);
      }
    });
  });
}
