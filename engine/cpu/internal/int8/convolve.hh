// Convolutions of bytes as a matrix product: rows of pixels times columns of output channels. Unless x already is such a matrix, the
// windows of a block of pixels are copied side by side first.

// finish_tile ends the sums of a tile, which are (rows, vectors).
static __attribute__((noinline)) void finish_tile(const sn_int8_conv *c, const IntVec *sum, int rows, int vectors, int64_t row, int64_t j) {
  for (int v = 0; v < vectors; v++) {
    const int64_t at = j + v * LANES, lanes = std::min<int64_t>(LANES, c->co - at);
    if (lanes <= 0) return;
    const IntVec zeros = load_ints(c->sum + at, lanes) * c->x_zero;
    const Vec factor = load_floats(c->factor + at, lanes), constant = load_floats(c->constant + at, lanes);
    for (int r = 0; r < rows; r++)
      finish(c->end, (row + r) * c->co + at, lanes, fma(to_float(sum[r * vectors + v] - zeros), factor, constant));
  }
}

// tile computes `rows` rows by `vectors` vectors of columns from column j on. a is (rows, groups) elements, b a panel.
template <int rows, int vectors>
static SN_INLINE void tile(const sn_int8_conv *c, const Element *a, int64_t a_stride, const Packed *b, int64_t groups, int64_t row, int64_t j) {
  IntVec sum[rows][vectors] = {};
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
  IntVec done[rows * vectors];  // memory that is finish_tile's, so that the sums above are registers
#pragma GCC unroll 24
  for (int i = 0; i < rows * vectors; i++) done[i] = sum[i / vectors][i % vectors];
  finish_tile(c, done, rows, vectors, row, j);
}

// multiply is a block of rows times a panel of columns.
static SN_INLINE void multiply(const sn_int8_conv *c, const Element *a, int64_t a_stride, const Packed *b, int64_t groups, int64_t row, int64_t rows,
                               int64_t j) {
  const int64_t parts = (rows + ROWS - 1) / ROWS;
  for (int64_t p = 0; p < parts; p++) {
    const int64_t r = rows * p / parts;
    switch (rows * (p + 1) / parts - r) {
#define SN_ROWS(n)                                                                   \
  case n:                                                                            \
    if (c->co - j > LANES)                                                           \
      tile<n, 2>(c, a + r * a_stride, a_stride, b, groups, row + r, j);              \
    else                                                                             \
      tile<n, 1>(c, a + r * a_stride, a_stride, b, groups, row + r, j);              \
    break;
      SN_ROWS(1) SN_ROWS(2) SN_ROWS(3) SN_ROWS(4) SN_ROWS(5) SN_ROWS(6)
#if SN_BITS == 512
      SN_ROWS(7) SN_ROWS(8) SN_ROWS(9) SN_ROWS(10) SN_ROWS(11) SN_ROWS(12)
#endif
#undef SN_ROWS
    }
  }
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

// A plan of the work: blocks of rows that stay in the cache, each in parts of the columns where there are few blocks.
struct Work {
  int64_t rows, k, stride, block, blocks, panels, parts;
  bool copies;
  SN_INLINE Work(const sn_int8_conv *c, int threads) {
    rows = c->n * c->oh * c->ow, k = c->kh * c->kw * c->ci, stride = (k + GROUP - 1) / GROUP * GROUP;
    copies = sizeof(Element) > 1 || stride != k || c->kh * c->kw > 1 || c->stride > 1 || c->pad > 0;
    block = std::max<int64_t>(2, std::min<int64_t>(16, 98304 / ROWS / stride)) * ROWS;
    blocks = (rows + block - 1) / block, panels = (c->co + PANEL - 1) / PANEL;
    parts = blocks >= 2 * threads || threads == 1 ? 1 : std::min(panels, (2 * threads + blocks - 1) / blocks);
  }
};

size_t scratch(const sn_int8_conv *c, int threads) {
  const Work w(c, threads);
  return w.copies ? size_t(threads) * size_t(w.block * w.stride) * sizeof(Element) : 0;
}

void convolve(const sn_int8_conv *c) {
  const Work w(c, omp_get_max_threads());
#pragma omp parallel for schedule(static)
  for (int64_t job = 0; job < w.blocks * w.parts; job++) {
    const int64_t row = job / w.parts * w.block, rows = std::min(w.block, w.rows - row), part = job % w.parts;
    const Element *a = (const Element *)c->x + row * w.stride;
    if (w.copies) {
      Element *copy = (Element *)c->scratch + omp_get_thread_num() * w.block * w.stride;
      windows(c, copy, w.stride, row, rows);
      a = copy;
    }
    for (int64_t p = w.panels * part / w.parts; p < w.panels * (part + 1) / w.parts; p++)
      multiply(c, a, w.stride, (const Packed *)c->weight + p * PANEL * w.stride, w.stride / GROUP, row, rows, p * PANEL);
  }
}

size_t packed_bytes(int64_t co, int64_t k) {
  return size_t((co + PANEL - 1) / PANEL * PANEL * ((k + GROUP - 1) / GROUP * GROUP)) * sizeof(Packed);
}

// Panel after panel of PANEL output channels; in a panel, GROUP values of each channel lie together. A channel's values are in the order of windows.
void pack(const uint8_t *weight, int64_t co, int64_t ci, int64_t taps, void *packed, int32_t *sum) {
  const int64_t k = taps * ci, stride = (k + GROUP - 1) / GROUP * GROUP;
  std::memset(packed, 0, packed_bytes(co, k));
  for (int64_t o = 0; o < co; o++) {
    Packed *panel = (Packed *)packed + o / PANEL * PANEL * stride + o % PANEL * GROUP;
    const uint8_t *of = weight + o * k;
    int32_t total = 0;
    for (int64_t i = 0; i < k; i++) {
      const int32_t v = int32_t(of[i % ci * taps + i / ci]) - 128;
      panel[i / GROUP * PANEL * GROUP + i % GROUP] = Packed(v);
      total += v;
    }
    sum[o] = total;
  }
}
