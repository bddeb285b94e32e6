// Convolutions of bytes as a matrix product: rows of pixels times columns of output channels. Unless x already is such a matrix, the
// windows of a block of pixels are copied side by side first.

// Pixels of the sources, for each row of a block: the offset of the first channel.
typedef int64_t Pixels[SN_SUMMED];

static void find_pixels(const sn_int8_conv *c, Pixels *pixels, int64_t row, int64_t rows) {
  for (int64_t r = 0; r < rows; r++) {
    const int64_t x = (row + r) % c->ow, y = (row + r) / c->ow % c->oh, image = (row + r) / c->ow / c->oh;
    for (int k = 0; k < c->sources; k++) {
      const sn_int8_source &s = c->source[k];
      pixels[r][k] = ((image * s.h + s.row_index[y]) * s.w + s.column_index[x]) * c->co;
    }
  }
}

// What a kernel adds to a sum of products, and what it stores.
enum Kind { NONE, FLOATS, BYTES };

// finish_rows ends the sums of a tile, (rows, vectors), whose vectors of channels begin at j. Only the last may be short; it is if `whole` is false.
template <Kind residual, Kind source, Kind result, int vectors, bool whole>
static SN_INLINE void finish_rows(const sn_int8_conv *c, const IntVec *sum, int rows, int64_t row, int64_t j, const Pixels *pixels) {
  const sn_int8_end e = c->end;
  IntVec zeros[vectors];
  Vec factor[vectors], constant[vectors], scale[SN_SUMMED];
  int64_t lanes[vectors];
#pragma GCC unroll 2
  for (int v = 0; v < vectors; v++) {
    const int64_t at = j + v * LANES;
    lanes[v] = whole || v + 1 < vectors ? int64_t(LANES) : c->co - at;
    zeros[v] = load_ints(c->sum + at, lanes[v]) * c->x_zero;
    factor[v] = load_floats(c->factor + at, lanes[v]), constant[v] = load_floats(c->constant + at, lanes[v]);
  }
  const int sources = source == NONE ? 0 : c->sources;
  for (int k = 0; k < sources; k++) scale[k] = Vec{} + c->source[k].scale;
  const Vec lowest = Vec{} + (e.relu ? 0.0f : -INFINITY), sum_scale = Vec{} + c->sum_scale;
  for (int r = 0; r < rows; r++, sum += vectors) {
    const int64_t i = (row + r) * c->co + j;
    Vec total[vectors] = {};
    for (int k = 0; k < sources; k++) {
      const sn_int8_source &s = c->source[k];
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++)
        total[v] = fma(values(s.x, source == BYTES, s.zero, pixels[r][k] + j + v * LANES, lanes[v]), scale[k], total[v]);
    }
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
      const int64_t at = i + v * LANES;
      Vec x = fma(to_float(sum[v] - zeros[v]), factor[v], constant[v]);
      if (residual != NONE) x = fma(values(e.residual, residual == BYTES, e.residual_zero, at, lanes[v]), Vec{} + e.residual_scale, x);
      if (source != NONE) x = fma(x, sum_scale, total[v]);
      x = x < lowest ? lowest : x;
      if (result == BYTES)
        store_bytes((uint8_t *)e.y + at, x, e.y_zero, lanes[v]);
      else
        store_floats((float *)e.y + at, x, lanes[v]);
    }
  }
}

// finish_tile ends the sums of a tile. pixels are those of its rows.
template <Kind residual, Kind source, Kind result>
static __attribute__((noinline)) void finish_tile(const sn_int8_conv *c, const IntVec *sum, int rows, int vectors, int64_t row, int64_t j,
                                                  const Pixels *pixels) {
  const bool whole = c->co - j >= vectors * LANES;
  if (vectors == 2)
    whole ? finish_rows<residual, source, result, 2, true>(c, sum, rows, row, j, pixels)
          : finish_rows<residual, source, result, 2, false>(c, sum, rows, row, j, pixels);
  else
    whole ? finish_rows<residual, source, result, 1, true>(c, sum, rows, row, j, pixels)
          : finish_rows<residual, source, result, 1, false>(c, sum, rows, row, j, pixels);
}

typedef void Finish(const sn_int8_conv *c, const IntVec *sum, int rows, int vectors, int64_t row, int64_t j, const Pixels *pixels);

template <Kind residual, Kind source>
static Finish *finish_to(const sn_int8_conv *c) {
  return c->end.y_bytes ? finish_tile<residual, source, BYTES> : finish_tile<residual, source, FLOATS>;
}

template <Kind residual>
static Finish *finish_with(const sn_int8_conv *c) {
  if (!c->sources) return finish_to<residual, NONE>(c);
  return c->source_bytes ? finish_to<residual, BYTES>(c) : finish_to<residual, FLOATS>(c);
}

// finish_of is how a convolution ends its tiles.
static Finish *finish_of(const sn_int8_conv *c) {
  if (!c->end.residual) return finish_with<NONE>(c);
  return c->end.residual_bytes ? finish_with<BYTES>(c) : finish_with<FLOATS>(c);
}

// add_products adds to sums: a is (rows, groups) elements, b a panel.
template <int rows, int vectors>
static SN_INLINE void add_products(IntVec (&sum)[rows][vectors], const Element *a, int64_t a_stride, const Packed *b, int64_t groups) {
  for (int64_t k = 0; k < groups; k++, a += GROUP, b += PANEL * GROUP) {
    IntVec f[2];
    f[0] = load_int(b);
    f[1] = load_int(b + LANES * GROUP);
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
      const IntVec g = spread(a + r * a_stride);
#pragma GCC unroll 2
      for (int v = 0; v < vectors; v++) sum[r][v] = plus_products(sum[r][v], g, f[v]);
    }
  }
}

// in_rows calls f(row, rows) for parts of rows whose sums fit in the registers; rows is a constant.
template <class F>
static SN_INLINE void in_rows(int64_t rows, F f) {
  const int64_t parts = (rows + ROWS - 1) / ROWS;
  for (int64_t p = 0; p < parts; p++) {
    const int64_t r = rows * p / parts;
    switch (rows * (p + 1) / parts - r) {
#define SN_ROWS(n)                                \
  case n:                                         \
    f(r, std::integral_constant<int, n>());       \
    break;
      SN_ROWS(1) SN_ROWS(2) SN_ROWS(3) SN_ROWS(4)
#if SN_BITS >= 256
      SN_ROWS(5) SN_ROWS(6)
#endif
#if SN_BITS == 512
      SN_ROWS(7) SN_ROWS(8) SN_ROWS(9) SN_ROWS(10) SN_ROWS(11) SN_ROWS(12)
#endif
#undef SN_ROWS
    }
  }
}

// tile computes `rows` rows by `vectors` vectors of columns from column j on.
template <int rows, int vectors>
static SN_INLINE void tile(const sn_int8_conv *c, const Element *a, int64_t a_stride, const Packed *b, int64_t groups, int64_t row, int64_t j,
                           const Pixels *pixels, Finish *finish) {
  IntVec sum[rows][vectors] = {};
  add_products<rows, vectors>(sum, a, a_stride, b, groups);
  IntVec done[rows * vectors];  // memory that is finish's, so that the sums above are registers
#pragma GCC unroll 24
  for (int i = 0; i < rows * vectors; i++) done[i] = sum[i / vectors][i % vectors];
  finish(c, done, rows, vectors, row, j, pixels);
}

// multiply is a block of rows times a panel of columns.
static SN_INLINE void multiply(const sn_int8_conv *c, const Element *a, int64_t a_stride, const Packed *b, int64_t groups, int64_t row, int64_t rows,
                               int64_t j, const Pixels *pixels, Finish *finish) {
  in_rows(rows, [&](int64_t r, auto n) {
    if (c->co - j > LANES)
      tile<n, 2>(c, a + r * a_stride, a_stride, b, groups, row + r, j, pixels + r, finish);
    else
      tile<n, 1>(c, a + r * a_stride, a_stride, b, groups, row + r, j, pixels + r, finish);
  });
}

// put copies n bytes as elements.
static SN_INLINE void put(Element *to, const uint8_t *from, int64_t n) {
#ifdef SN_VNNI
  for (int64_t i = 0; i < n; i += 64) {
    const __mmask64 some = n - i >= 64 ? ~0ull : (1ull << (n - i)) - 1;
    _mm512_mask_storeu_epi8(to + i, some, _mm512_maskz_loadu_epi8(some, from + i));
  }
#else
  std::copy_n(from, n, to);
#endif
}

// windows copies what the output pixels [row, row+rows) are computed from; padding is x_zero, and what fills the last group zero.
static void windows(const sn_int8_conv *c, Element *to, int64_t stride, int64_t row, int64_t rows) {
  const int64_t ci = c->ci, last = (c->kw - 1) * c->dilation;
  for (int64_t r = row; r < row + rows; r++, to += stride) {
    const int64_t left = r % c->ow * c->stride - c->pad, top = r / c->ow % c->oh * c->stride - c->pad;
    const uint8_t *image = c->x + r / c->ow / c->oh * c->h * c->w * ci;
    const bool inside = left >= 0 && left + last < c->w && c->dilation == 1;
    Element *z = to;
    for (int64_t ky = 0; ky < c->kh; ky++) {
      const int64_t y = top + ky * c->dilation;
      const uint8_t *line = image + (y * c->w + left) * ci;
      if (y < 0 || y >= c->h) {
        std::fill(z, z + c->kw * ci, Element(c->x_zero));
        z += c->kw * ci;
      } else if (inside) {
        put(z, line, c->kw * ci);
        z += c->kw * ci;
      } else {
        for (int64_t kx = 0; kx < c->kw; kx++, z += ci) {
          const int64_t x = kx * c->dilation;
          if (left + x < 0 || left + x >= c->w)
            std::fill(z, z + ci, Element(c->x_zero));
          else
            put(z, line + x * ci, ci);
        }
      }
    }
    std::fill(z, to + stride, Element(0));
  }
}

enum { CACHED = 1 << 18 };  // packed weights up to this many values stay in the cache

enum { BLOCK = 16 * ROWS };  // rows of a block at most

// A plan of the work: blocks of rows that stay in the cache, each in parts of the columns where there are few blocks.
struct Work {
  int64_t rows, k, stride, block, blocks, panels, parts;
  bool copies;
  SN_INLINE Work(const sn_int8_conv *c, int threads) {
    rows = c->n * c->oh * c->ow, k = c->kh * c->kw * c->ci, stride = (k + GROUP - 1) / GROUP * GROUP;
    copies = sizeof(Element) > 1 || stride != k || c->kh * c->kw > 1 || c->stride > 1 || c->pad > 0;
    block = std::max<int64_t>(2, std::min<int64_t>(BLOCK / ROWS, 98304 / ROWS / stride)) * ROWS;
    blocks = (rows + block - 1) / block, panels = (c->co + PANEL - 1) / PANEL;
    parts = blocks >= 2 * threads || threads == 1 ? 1 : std::min(panels, (2 * threads + blocks - 1) / blocks);
  }
};

static size_t windows_scratch(const sn_int8_conv *c, int threads) {
  const Work w(c, threads);
  return w.copies ? size_t(threads) * size_t(w.block * w.stride) * sizeof(Element) : 0;
}

static void convolve_windows(const sn_int8_conv *c) {
  const Work w(c, omp_get_max_threads());
  Finish *const finish = finish_of(c);
#pragma omp parallel for schedule(static)
  for (int64_t job = 0; job < w.blocks * w.parts; job++) {
    const int64_t row = job / w.parts * w.block, rows = std::min(w.block, w.rows - row), part = job % w.parts;
    const Element *a = (const Element *)c->x + row * w.stride;
    Pixels pixels[BLOCK];
    if (c->sources) find_pixels(c, pixels, row, rows);
    if (w.copies) {
      Element *copy = (Element *)c->scratch + omp_get_thread_num() * w.block * w.stride;
      windows(c, copy, w.stride, row, rows);
      a = copy;
    }
    // Weights that stay in the cache meet a few rows at a time, so that results and what is added to them are used row by row.
    const int64_t begin = w.panels * part / w.parts, end = w.panels * (part + 1) / w.parts;
    const int64_t step = w.panels * PANEL * w.stride <= CACHED ? int64_t(ROWS) : rows;
    for (int64_t r = 0; r < rows; r += step)
      for (int64_t p = begin; p < end; p++)
        multiply(c, a + r * w.stride, w.stride, (const Packed *)c->weight + p * PANEL * w.stride, w.stride / GROUP, row + r, std::min(step, rows - r),
                 p * PANEL, pixels + r, finish);
  }
}

static size_t windows_bytes(int64_t co, int64_t k) {
  return size_t((co + PANEL - 1) / PANEL * PANEL * ((k + GROUP - 1) / GROUP * GROUP)) * sizeof(Packed);
}

// Panel after panel of PANEL output channels; in a panel, GROUP values of each channel lie together. A channel's values are in the order of windows.
static void pack_windows(const uint8_t *weight, int64_t co, int64_t ci, int64_t taps, void *packed) {
  const int64_t k = taps * ci, stride = (k + GROUP - 1) / GROUP * GROUP;
  std::memset(packed, 0, windows_bytes(co, k));
  for (int64_t o = 0; o < co; o++) {
    Packed *panel = (Packed *)packed + o / PANEL * PANEL * stride + o % PANEL * GROUP;
    const uint8_t *of = weight + o * k;
    for (int64_t i = 0; i < k; i++) panel[i / GROUP * PANEL * GROUP + i % GROUP] = Packed(int32_t(of[i % ci * taps + i / ci]) - 128);
  }
}
