// Pools over NHWC features: channels are the vector dimension, taken SN_LANES at a time.

// Window is the part of a pooling window that lies inside the picture, along one axis.
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
      for (int64_t c0 = 0; c0 < c; c0 += SN_LANES) {
        int64_t lanes = std::min<int64_t>(SN_LANES, c - c0);
        float best[SN_LANES];
        for (int64_t i = 0; i < SN_LANES; i++) best[i] = is_max ? -INFINITY : 0.0f;
        auto window = [&](auto lanes) {
          for (int64_t iy = wy.begin; iy < wy.end; iy++)
            for (int64_t ix = wx.begin; ix < wx.end; ix++) {
              const T *a = image + (iy * p->w + ix) * c + c0;
#pragma omp simd
              for (int64_t i = 0; i < lanes; i++) {
                float v = float(a[i]);
                best[i] = is_max ? (v > best[i] || v != v ? v : best[i]) : best[i] + v;
              }
            }
        };
        if (lanes == SN_LANES)
          window(std::integral_constant<int64_t, SN_LANES>());
        else
          window(lanes);
        for (int64_t i = 0; i < lanes; i++) z[c0 + i] = T(is_max ? best[i] : best[i] * share);
      }
    }
  }
}

void max_pool(int type, const sn_pool *p, const void *x, void *y) {
  typed(type, [&](auto t) { pool_rows(p, (const decltype(t) *)x, (decltype(t) *)y, std::true_type()); });
}

void avg_pool(int type, const sn_pool *p, const void *x, void *y) {
  typed(type, [&](auto t) { pool_rows(p, (const decltype(t) *)x, (decltype(t) *)y, std::false_type()); });
}

// The window's first largest value is found again and gets the gradient. Windows may overlap: a thread takes some channels
// of an image.
void max_pool_grad(int type, const sn_pool *p, const void *x, const void *dy, void *dx) {
  enum { lanes = 16 };
  int64_t c = p->c, parts = (c + lanes - 1) / lanes;
  typed(type, [&](auto t) {
    using T = decltype(t);
#pragma omp parallel for schedule(static) if (p->n * p->h * p->w * c > SN_SMALL)
    for (int64_t job = 0; job < p->n * parts; job++) {
      int64_t image = job / parts, c0 = job % parts * lanes, m = std::min<int64_t>(lanes, c - c0);
      const T *a = (const T *)x + image * p->h * p->w * c + c0;
      T *z = (T *)dx + image * p->h * p->w * c + c0;
      for (int64_t i = 0; i < p->h * p->w; i++)
        for (int64_t k = 0; k < m; k++) z[i * c + k] = T(0.0f);
      for (int64_t oy = 0; oy < p->oh; oy++)
        for (int64_t ox = 0; ox < p->ow; ox++) {
          Window wy(oy, p->kernel, p->stride, p->pad, p->h), wx(ox, p->kernel, p->stride, p->pad, p->w);
          float best[lanes];
          int32_t at[lanes];
          for (int k = 0; k < lanes; k++) best[k] = -INFINITY, at[k] = int32_t(wy.begin * p->w + wx.begin);
          for (int64_t iy = wy.begin; iy < wy.end; iy++)
            for (int64_t ix = wx.begin; ix < wx.end; ix++) {
              int32_t pixel = int32_t(iy * p->w + ix);
              for (int64_t k = 0; k < m; k++) {
                float v = float(a[pixel * c + k]);
                bool more = v > best[k] || v != v;
                best[k] = more ? v : best[k];
                at[k] = more ? pixel : at[k];
              }
            }
          const T *d = (const T *)dy + ((image * p->oh + oy) * p->ow + ox) * c + c0;
          for (int64_t k = 0; k < m; k++) z[at[k] * c + k] = T(float(z[at[k] * c + k]) + float(d[k]));
        }
    }
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
        for (int64_t c0 = 0; c0 < c; c0 += SN_LANES) {
          int64_t lanes = std::min<int64_t>(SN_LANES, c - c0);
          float sum[SN_LANES] = {};
          for (int64_t oy = y0; oy <= y1; oy++)
            for (int64_t ox = x0; ox <= x1; ox++)
#pragma omp simd
              for (int64_t i = 0; i < lanes; i++) sum[i] += float(d[(oy * p->ow + ox) * c + c0 + i]);
          for (int64_t i = 0; i < lanes; i++) z[c0 + i] = T(sum[i] * share);
        }
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
        for (int64_t k = 0; k < lanes; k++) ((T *)y)[image * c + c0 + k] = T(sum[k] / float(pixels));
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
        for (int64_t i = 0; i < c; i++) z[i] = T(float(d[i]) * share);
      }
    });
  });
}
