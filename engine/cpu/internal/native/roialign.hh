// RoIAlign. The mean of a bin's bilinear samples is separable: along each axis a bin has a weight for each of a few
// neighbouring pixels, computed once a region; a bin is then the weighted sum of a small block of pixels, all channels at
// once. The arithmetic of positions is torchvision's, in float32.

// Bins holds, for one axis of a region, the pixels [first, first+count) of each bin and their weights.
struct Bins {
  int32_t *first, *count;
  float *weight, **of;
};

static int64_t bins_bytes(int64_t size, int64_t limit) {  // neighbouring bins share two pixels at most
  return (size * int64_t(2 * sizeof(int32_t) + sizeof(float *)) + (limit + 2 * size + 2) * int64_t(sizeof(float)) + 63) / 64 * 64;
}

static Bins bins_at(char *at, int64_t size) {
  Bins b;
  b.of = (float **)at;
  b.first = (int32_t *)(b.of + size);
  b.count = b.first + size;
  b.weight = (float *)(b.count + size);
  return b;
}

enum roi_points { BIN_POINTS, JWYANG_ALIGN, JWYANG_CROP };  // nn.RoIPoints

// A sample is below x pixel low + above x pixel low + 1, which is not read if above is 0.
struct Sample {
  int32_t low;
  float below, above;
};

// locate finds the pixels of a sample; false outside of the image.
static SN_INLINE bool locate(int64_t points, float v, int64_t limit, Sample &s) {
  if (points == BIN_POINTS) {
    if (!(v >= -1.0f && v <= float(limit))) return false;
    v = std::max(v, 0.0f);
    s.low = int32_t(v);
    s.above = v - float(s.low);
    if (s.low >= limit - 1) s.low = int32_t(limit - 1), s.above = 0;
    s.below = 1 - s.above;
    return true;
  }
  if (!(v >= (points == JWYANG_CROP ? -1.0f : 0.0f) && v < float(limit))) return false;
  s.low = int32_t(std::floor(v));
  if (points == JWYANG_ALIGN && limit > 1) s.low = std::min(s.low, int32_t(limit - 2));  // beyond the last pixel: on the line of the last two
  s.above = v - float(s.low);
  s.below = 1 - s.above;
  if (limit == 1 && points == JWYANG_ALIGN) s.below = 1, s.above = 0;
  if (s.low < 0) s.low = 0, s.below = s.above, s.above = 0;
  if (s.low == limit - 1) s.above = 0;
  return true;
}

static void fill_bins(Bins &b, const sn_roi *r, float from, float to, int64_t limit) {
  float offset = r->aligned ? 0.5f : 0.0f, start = from * r->scale - offset, side = to * r->scale - offset - start;
  bool bins = r->points == BIN_POINTS;
  if (bins && !r->aligned) side = std::max(side, 1.0f);
  if (r->points == JWYANG_ALIGN) side = std::max(side + 1, 0.0f);
  float bin = side / float(bins ? r->size : r->size - 1), points = r->sampling > 0 ? float(r->sampling) : bins ? std::ceil(bin) : 1;
  // Regions that are not finite give zeros; beyond a million points a bin, adaptive sampling is no finer.
  int32_t grid = std::isfinite(start) && std::isfinite(side) ? int32_t(std::min(points, 1e6f)) : 0;
  float *w = b.weight;
  for (int64_t p = 0; p < r->size; p++) {
    int32_t least = INT32_MAX, most = -1;
    Sample s;
    auto at = [&](int32_t i) { return start + float(p) * bin + (bins ? (float(i) + 0.5f) * bin / float(grid) : 0.0f); };
    for (int32_t i = 0; i < grid; i++)
      if (locate(r->points, at(i), limit, s)) {
        least = std::min(least, s.low);
        most = std::max(most, s.above > 0 ? s.low + 1 : s.low);
      }
    b.first[p] = most < 0 ? 0 : least;
    b.count[p] = most < 0 ? 0 : most - least + 1;
    b.of[p] = w;
    for (int32_t k = 0; k < b.count[p]; k++) w[k] = 0;
    for (int32_t i = 0; i < grid; i++)
      if (locate(r->points, at(i), limit, s)) {
        w[s.low - least] += s.below / float(grid);
        if (s.above > 0) w[s.low - least + 1] += s.above / float(grid);
      }
    w += b.count[p];
  }
}

int64_t roi_scratch(const sn_roi *r, int threads) { return threads * (bins_bytes(r->size, r->h) + bins_bytes(r->size, r->w)); }

struct RoiBins {
  Bins rows, columns;
  RoiBins(void *scratch, const sn_roi *r) {
    char *mine = (char *)scratch + omp_get_thread_num() * roi_scratch(r, 1);
    rows = bins_at(mine, r->size);
    columns = bins_at(mine + bins_bytes(r->size, r->h), r->size);
  }
  void fill(const sn_roi *r, const float *roi) {
    fill_bins(rows, r, roi[2], roi[4], r->h);
    fill_bins(columns, r, roi[1], roi[3], r->w);
  }
};

// on_level is nn.OnLevel.
static bool on_level(const sn_roi *r, const float *roi) {
  float area = (roi[3] - roi[1]) * (roi[4] - roi[2]), limit = std::numeric_limits<float>::max();
  if (area > limit) area = limit;
  return (r->low == 0 || area >= r->low) && !(area >= r->high);
}

int64_t roi_align(int type, const sn_roi *r, const void *x, const float *rois, void *y, void *scratch) {
  for (int64_t i = 0; i < r->rois; i++)
    if (!(rois[5 * i] < float(r->n))) return i;
  typed(type, [&](auto t) {
    using T = decltype(t);
#pragma omp parallel
    {
      RoiBins bins(scratch, r);
      int64_t c = r->c;
#pragma omp for schedule(static, 1)
      for (int64_t i = 0; i < r->rois; i++) {
        const float *roi = rois + 5 * i;
        T *out = (T *)y + i * r->size * r->size * c;
        if (roi[0] < 0) {
          if (r->low == 0) std::memset(out, 0, size_t(r->size * r->size * c) * sizeof(T));
          continue;
        }
        if (!on_level(r, roi)) continue;
        bins.fill(r, roi);
        const T *image = (const T *)x + int64_t(roi[0]) * r->h * r->w * c;
        for (int64_t py = 0; py < r->size; py++)
          for (int64_t px = 0; px < r->size; px++, out += c) {
            const float *wy = bins.rows.of[py], *wx = bins.columns.of[px];
            const T *corner = image + (bins.rows.first[py] * r->w + bins.columns.first[px]) * c;
            int32_t ny = bins.rows.count[py], nx = bins.columns.count[px];
            blocks(0, c, [&](int64_t c0, auto lanes) {
              float sum[SN_LANES] = {};
              for (int32_t a = 0; a < ny; a++)
                for (int32_t b = 0; b < nx; b++) {
                  const T *pixel = corner + (a * r->w + b) * c + c0;
                  float f = wy[a] * wx[b];
#pragma omp simd
                  for (int64_t k = 0; k < lanes; k++) sum[k] += f * float(pixel[k]);
                }
              for (int64_t k = 0; k < lanes; k++) put(out[c0 + k], sum[k]);
            });
          }
      }
    }
  });
  return -1;
}

// Regions overlap: each thread adds up some channels of all regions, in order.
void roi_align_grad(int dy_type, const sn_roi *r, const void *dy, const float *rois, float *dx, void *scratch) {
  typed(dy_type, [&](auto t) {
    using T = decltype(t);
#pragma omp parallel
    {
      RoiBins bins(scratch, r);
      int64_t c = r->c, parts = (c + 15) / 16, threads = omp_get_num_threads(), me = omp_get_thread_num();
      int64_t from = std::min(c, parts * me / threads * 16), to = std::min(c, parts * (me + 1) / threads * 16);
      for (int64_t i = 0; i < r->n * r->h * r->w; i++)
        for (int64_t k = from; k < to; k++) dx[i * c + k] = 0;
      for (int64_t i = 0; i < r->rois && from < to; i++) {
        const float *roi = rois + 5 * i;
        if (!(roi[0] >= 0 && roi[0] < float(r->n)) || !on_level(r, roi)) continue;
        bins.fill(r, roi);
        const T *in = (const T *)dy + i * r->size * r->size * c;
        float *image = dx + int64_t(roi[0]) * r->h * r->w * c;
        for (int64_t py = 0; py < r->size; py++)
          for (int64_t px = 0; px < r->size; px++, in += c)
            for (int32_t a = 0; a < bins.rows.count[py]; a++)
              for (int32_t b = 0; b < bins.columns.count[px]; b++) {
                float *pixel = image + ((bins.rows.first[py] + a) * r->w + bins.columns.first[px] + b) * c;
                float f = bins.rows.of[py][a] * bins.columns.of[px][b];
#pragma omp simd
                for (int64_t k = from; k < to; k++) pixel[k] += f * float(in[k]);
              }
      }
    }
  });
}
