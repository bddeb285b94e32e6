// Pools, resizes and conversions of bytes. Loops are written for the compiler to vectorise.

void max_pool(const uint8_t *x, uint8_t *y, int64_t n, int64_t h, int64_t w, int64_t c, int64_t oh, int64_t ow, int64_t kernel, int64_t stride,
              int64_t pad) {
#pragma omp parallel for schedule(static) if (n * oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < n * oh; row++) {
    const uint8_t *image = x + row / oh * h * w * c;
    const int64_t top = row % oh * stride - pad, y0 = std::max<int64_t>(top, 0), y1 = std::min(top + kernel, h);
    for (int64_t ox = 0; ox < ow; ox++) {
      const int64_t left = ox * stride - pad, x0 = std::max<int64_t>(left, 0), x1 = std::min(left + kernel, w);
      uint8_t *z = y + (row * ow + ox) * c;
      std::memcpy(z, image + (y0 * w + x0) * c, size_t(c));
      for (int64_t iy = y0; iy < y1; iy++)
        for (int64_t ix = iy == y0 ? x0 + 1 : x0; ix < x1; ix++) {
          const uint8_t *a = image + (iy * w + ix) * c;
#pragma omp simd
          for (int64_t i = 0; i < c; i++) z[i] = a[i] > z[i] ? a[i] : z[i];
        }
    }
  }
}

void quantize(const float *x, uint8_t *y, int64_t n, float inverse, int zero) {
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i++) y[i] = byte_of(x[i] * inverse, zero);
}

void dequantize(const uint8_t *x, float *y, int64_t n, float scale, int zero) {
#pragma omp parallel for simd schedule(static) if (n > SN_SMALL)
  for (int64_t i = 0; i < n; i++) y[i] = float(int(x[i]) - zero) * scale;
}

// ended is finish for one value of which the kind of residual and result are known.
template <class Residual, class Result>
static SN_INLINE void ended(const sn_int8_end &e, int64_t at, float v, const Residual *residual, Result *y) {
  if (std::is_same<Residual, uint8_t>::value) v = __builtin_fmaf(float(int(residual[at]) - e.residual_zero), e.residual_scale, v);
  if (std::is_same<Residual, float>::value) v = __builtin_fmaf(float(residual[at]), e.residual_scale, v);
  v = e.relu && v < 0.0f ? 0.0f : v;
  y[at] = std::is_same<Result, uint8_t>::value ? Result(byte_of(v, e.y_zero)) : Result(v);
}

struct None {
  SN_INLINE operator float() const { return 0.0f; }
  SN_INLINE operator int() const { return 0; }
};

// value_of is a source's value in units of its scale.
static SN_INLINE float value_of(uint8_t q, int zero) { return float(int(q) - zero); }
static SN_INLINE float value_of(float v, int) { return v; }

// Every target pixel is one pixel of each source.
template <int count, class Source, class Residual, class Result>
static void repeat(const sn_int8_source *s, const sn_int8_end &end, const Residual *residual, Result *y, int64_t n, int64_t oh, int64_t ow,
                   int64_t c) {
#pragma omp parallel for schedule(static) if (n * oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < n * oh; row++) {
    const sn_int8_end e = end;
    const Source *from[count], *pixel[count];
    float scale[count];
    int zero[count];
    for (int k = 0; k < count; k++) {
      from[k] = (const Source *)s[k].x + (row / oh * s[k].h + s[k].row_index[row % oh]) * s[k].w * c;
      scale[k] = s[k].scale, zero[k] = s[k].zero;
    }
    for (int64_t x = 0; x < ow; x++) {
      for (int k = 0; k < count; k++) pixel[k] = from[k] + s[k].column_index[x] * c;
      const int64_t at = (row * ow + x) * c;
#pragma omp simd
      for (int64_t i = 0; i < c; i++) {
        float v = 0.0f;
        for (int k = 0; k < count; k++) v = __builtin_fmaf(value_of(pixel[k][i], zero[k]), scale[k], v);
        ended(e, at + i, v, residual, y);
      }
    }
  }
}

// Every target pixel lies between four pixels of one source.
template <class Source, class Residual, class Result>
static void between(const sn_int8_source *s, const sn_int8_end &end, const Residual *residual, Result *y, int64_t n, int64_t oh, int64_t ow,
                    int64_t c) {
#pragma omp parallel for schedule(static) if (n * oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < n * oh; row++) {
    const sn_int8_end e = end;
    const int64_t r = 2 * (row % oh);
    const Source *image = (const Source *)s->x + row / oh * s->h * s->w * c;
    const Source *top = image + s->row_index[r] * s->w * c, *bottom = image + s->row_index[r + 1] * s->w * c;
    const float above = s->row_weight[r], below = s->row_weight[r + 1], scale = s->scale;
    const int zero = s->zero;
    for (int64_t x = 0; x < ow; x++) {
      const int64_t left = s->column_index[2 * x] * c, right = s->column_index[2 * x + 1] * c, at = (row * ow + x) * c;
      const float wl = s->column_weight[2 * x], wr = s->column_weight[2 * x + 1];
      const float a = above * wl, b = above * wr, d = below * wl, f = below * wr;
#pragma omp simd
      for (int64_t i = 0; i < c; i++) {
        float t = __builtin_fmaf(a, value_of(top[left + i], zero), 0.0f);
        t = __builtin_fmaf(b, value_of(top[right + i], zero), t);
        t = __builtin_fmaf(d, value_of(bottom[left + i], zero), t);
        t = __builtin_fmaf(f, value_of(bottom[right + i], zero), t);
        ended(e, at + i, __builtin_fmaf(t, scale, 0.0f), residual, y);
      }
    }
  }
}

enum { CHANNELS = 64 };  // that `weighted` takes at a time

template <class Source, class Residual, class Result>
static void weighted(const sn_int8_source *s, int count, const sn_int8_end &end, const Residual *residual, Result *y, int64_t n, int64_t oh,
                     int64_t ow, int64_t c) {
#pragma omp parallel for schedule(static) if (n * oh * ow * c > SN_SMALL)
  for (int64_t row = 0; row < n * oh; row++)
    for (int64_t x = 0; x < ow; x++)
      for (int64_t c0 = 0; c0 < c; c0 += CHANNELS) {
        const sn_int8_end e = end;
        const int64_t lanes = std::min<int64_t>(CHANNELS, c - c0);
        float v[CHANNELS] = {};
        for (const sn_int8_source *k = s; k < s + count; k++) {
          float t[CHANNELS] = {};
          const Source *image = (const Source *)k->x + row / oh * k->h * k->w * c + c0;
          const int32_t *r = k->row_begin + row % oh, *l = k->column_begin + x;
          const int zero = k->zero;
          for (int32_t a = r[0]; a < r[1]; a++)
            for (int32_t b = l[0]; b < l[1]; b++) {
              const Source *pixel = image + (k->row_index[a] * k->w + k->column_index[b]) * c;
              const float f = k->row_weight[a] * k->column_weight[b];
#pragma omp simd
              for (int64_t i = 0; i < lanes; i++) t[i] = __builtin_fmaf(f, value_of(pixel[i], zero), t[i]);
            }
          const float scale = k->scale;
#pragma omp simd
          for (int64_t i = 0; i < lanes; i++) v[i] = __builtin_fmaf(t[i], scale, v[i]);
        }
        const int64_t at = (row * ow + x) * c + c0;
#pragma omp simd
        for (int64_t i = 0; i < lanes; i++) ended(e, at + i, v[i], residual, y);
      }
}

template <class Source>
static void resize_from(const sn_int8_source *s, int count, const sn_int8_end *end, int64_t n, int64_t oh, int64_t ow, int64_t c) {
  bool repeats = count <= 3;
  for (int k = 0; k < count; k++) repeats = repeats && s[k].row_begin[oh] == oh && s[k].column_begin[ow] == ow;
  const bool pairs = count == 1 && s->row_begin[oh] == 2 * oh && s->column_begin[ow] == 2 * ow;  // each has two taps, as Taps gives all
  auto with = [&](auto residual, auto y) {
    switch (repeats ? count : 0) {
      case 1:
        return repeat<1, Source>(s, *end, residual, y, n, oh, ow, c);
      case 2:
        return repeat<2, Source>(s, *end, residual, y, n, oh, ow, c);
      case 3:
        return repeat<3, Source>(s, *end, residual, y, n, oh, ow, c);
    }
    if (pairs) return between<Source>(s, *end, residual, y, n, oh, ow, c);
    weighted<Source>(s, count, *end, residual, y, n, oh, ow, c);
  };
  auto onto = [&](auto residual) {
    if (end->y_bytes)
      with(residual, (uint8_t *)end->y);
    else
      with(residual, (float *)end->y);
  };
  if (!end->residual)
    onto((const None *)nullptr);
  else if (end->residual_bytes)
    onto((const uint8_t *)end->residual);
  else
    onto((const float *)end->residual);
}

void resize(const sn_int8_source *s, int count, int bytes, const sn_int8_end *end, int64_t n, int64_t oh, int64_t ow, int64_t c) {
  if (bytes)
    resize_from<uint8_t>(s, count, end, n, oh, ow, c);
  else
    resize_from<float>(s, count, end, n, oh, ow, c);
}
