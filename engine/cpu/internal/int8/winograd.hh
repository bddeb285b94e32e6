// Convolutions of 3x3 with stride 1 by Winograd's method F(2x2,3x3), in integers and exact: a weight is transformed by 2G instead of G, so that four
// times the outputs come out, to the last bit. Transforms of bytes and of weights need 11 and 12 bits: without VNNI, products are of 16 bits anyway,
// and 16 of them make what takes 36 directly. With VNNI, products of bytes are twice as fast, and this would save nothing.

enum { POINTS = 16, WIDE = 2 * LANES };  // of a tile; numbers of 16 bits in a vector
typedef int16_t Shorts __attribute__((vector_size(SN_BITS / 8)));
typedef int16_t LooseShorts __attribute__((vector_size(SN_BITS / 8), aligned(2), may_alias));
typedef uint8_t Octets __attribute__((vector_size(SN_BITS / 16)));
typedef uint8_t LooseOctets __attribute__((vector_size(SN_BITS / 16), aligned(1), may_alias));
typedef uint32_t Wrapping __attribute__((vector_size(4 * LANES)));  // sums of products may leave 32 bits on the way, not at the end

// Sums of `ci` products of transforms, 1020 * 1143 at most, and their outputs must fit in 32 bits.
enum { MOST_INPUTS = 1536 };

int winograd(const sn_int8_conv *c) {
  if (GROUP != 2 || c->kh != 3 || c->kw != 3 || c->stride != 1 || c->dilation != 1 || c->pad > 2 || c->ci < 16 || c->ci > MOST_INPUTS) return 0;
  // A weight that is read should serve some tiles: it counts as many products as 12 of them.
  const int64_t tiles = c->n * ((c->oh + 1) / 2) * ((c->ow + 1) / 2), pixels = c->n * c->oh * c->ow;
  return POINTS * (tiles + 12) < 9 * (pixels + 12);
}

// Tiles is a plan of the work: blocks of tiles whose transforms stay in the cache, each in parts of the columns where there are few blocks.
struct Tiles {
  int64_t down, across, tiles, channels, block, blocks, panels, parts;
  SN_INLINE Tiles(const sn_int8_conv *c, int threads) {
    down = (c->oh + 1) / 2, across = (c->ow + 1) / 2, tiles = c->n * down * across, channels = (c->ci + WIDE - 1) / WIDE * WIDE;
    block = std::clamp<int64_t>(96 * 1024 / (POINTS * channels), 2, 16) * ROWS;
    blocks = (tiles + block - 1) / block, panels = (c->co + PANEL - 1) / PANEL;
    block = ((tiles + blocks - 1) / blocks + ROWS - 1) / ROWS * ROWS, blocks = (tiles + block - 1) / block;
    parts = blocks >= 2 * threads || threads == 1 ? 1 : std::min(panels, (2 * threads + blocks - 1) / blocks);
  }
  // Of a thread: transforms, products, sums of outputs, a pixel of padding.
  int64_t transforms() const { return POINTS * block * channels * int64_t(sizeof(int16_t)); }
  int64_t products() const { return POINTS * block * PANEL * int64_t(sizeof(int32_t)); }
  int64_t sums() const { return 4 * block * PANEL * int64_t(sizeof(int32_t)); }
  int64_t bytes() const { return transforms() + products() + sums() + (channels + 63) / 64 * 64; }
};

// both applies a transform of four values in both dimensions.
template <int to, class V, class Transform>
static SN_INLINE void both(const V (&d)[4][4], V (&u)[to][to], Transform transform) {
  V t[4][to], column[4], row[to];
#pragma GCC unroll 4
  for (int y = 0; y < 4; y++) transform(d[y], t[y]);
#pragma GCC unroll 4
  for (int x = 0; x < to; x++) {
#pragma GCC unroll 4
    for (int y = 0; y < 4; y++) column[y] = t[y][x];
    transform(column, row);
#pragma GCC unroll 4
    for (int y = 0; y < to; y++) u[y][x] = row[y];
  }
}

// transform_tile makes a tile's transforms of its pixels, whose channels end with zeros.
static SN_INLINE void transform_tile(const uint8_t *const (&from)[POINTS], int64_t ci, int16_t *to, int64_t plane) {
  for (int64_t c = 0; c < ci; c += WIDE) {
    Shorts d[4][4], u[4][4];
#pragma GCC unroll 16
    for (int i = 0; i < POINTS; i++) {
      Octets bytes{};
      if (c + WIDE <= ci)
        bytes = *(const LooseOctets *)(from[i] + c);
      else
        std::memcpy(&bytes, from[i] + c, size_t(ci - c));
      d[i / 4][i % 4] = __builtin_convertvector(bytes, Shorts);
    }
    both<4>(d, u, [](const Shorts *d, Shorts *t) { t[0] = d[0] - d[2], t[1] = d[1] + d[2], t[2] = d[2] - d[1], t[3] = d[3] - d[1]; });
#pragma GCC unroll 16
    for (int i = 0; i < POINTS; i++) *(LooseShorts *)(to + i * plane + c) = u[i / 4][i % 4];
  }
}

static void transform_tiles(const sn_int8_conv *c, const Tiles &w, int64_t first, int64_t tiles, int16_t *to, const uint8_t *padding) {
  for (int64_t t = first; t < first + tiles; t++, to += w.channels) {
    const int64_t y = t / w.across % w.down * 2 - c->pad, x = t % w.across * 2 - c->pad;
    const uint8_t *image = c->x + t / w.across / w.down * c->h * c->w * c->ci, *from[POINTS];
    for (int i = 0; i < POINTS; i++) {
      const int64_t py = y + i / 4, px = x + i % 4;
      from[i] = py >= 0 && py < c->h && px >= 0 && px < c->w ? image + (py * c->w + px) * c->ci : padding;
    }
    transform_tile(from, c->ci, to, w.block * w.channels);
  }
}

// point makes the products of one point of all tiles: (tiles, vectors).
template <int vectors>
static void point(const int16_t *v, int64_t stride, const int16_t *weight, int64_t pairs, int64_t tiles, IntVec *p) {
  in_rows(tiles, [&](int64_t row, auto rows) {
    IntVec sum[rows][vectors] = {};
    add_products<rows, vectors>(sum, (const Element *)v + row * stride, stride, (const Packed *)weight, pairs);
    for (int r = 0; r < rows; r++)
      for (int v = 0; v < vectors; v++) p[(row + r) * vectors + v] = sum[r][v];
  });
}

// finish_run ends the products of tiles that lie side by side: two lines of pixels.
template <int vectors>
static void finish_run(const sn_int8_conv *c, const Tiles &w, const IntVec *p, int64_t tile, int64_t tiles, int64_t j, IntVec *sums, Finish *finish) {
  for (int64_t t = 0; t < tiles; t++, p += vectors)
#pragma GCC unroll 2
    for (int v = 0; v < vectors; v++) {
      Wrapping d[4][4], y[2][2];
#pragma GCC unroll 16
      for (int i = 0; i < POINTS; i++) d[i / 4][i % 4] = (Wrapping)p[i * w.block * vectors + v];
      both<2>(d, y, [](const Wrapping *p, Wrapping *y) { y[0] = p[0] + p[1] + p[2], y[1] = p[1] - p[2] + p[3]; });
#pragma GCC unroll 4
      for (int i = 0; i < 4; i++) sums[(i / 2 * 2 * tiles + 2 * t + i % 2) * vectors + v] = (IntVec)y[i / 2][i % 2] >> 2;
    }
  const int64_t y = tile / w.across % w.down * 2, x = tile % w.across * 2, image = tile / w.across / w.down;
  const int64_t pixels = std::min(2 * tiles, c->ow - x);
  for (int64_t line = 0; line < 2 && y + line < c->oh; line++)
    for (int64_t done = 0; done < pixels; done += BLOCK) {
      const int64_t row = (image * c->oh + y + line) * c->ow + x + done, rows = std::min<int64_t>(BLOCK, pixels - done);
      Pixels at[BLOCK];
      if (c->sources) find_pixels(c, at, row, rows);
      finish(c, sums + (line * 2 * tiles + done) * vectors, int(rows), vectors, row, j, at);
    }
}

// multiply_panel is a block of tiles times a panel of columns.
template <int vectors>
static void multiply_panel(const sn_int8_conv *c, const Tiles &w, const int16_t *v, int64_t panel, int64_t first, int64_t tiles, IntVec *p, IntVec *sums,
                           Finish *finish) {
  const int64_t pairs = (c->ci + 1) / 2;
  for (int i = 0; i < POINTS; i++)
    point<vectors>(v + i * w.block * w.channels, w.channels, (const int16_t *)c->weight + (i * w.panels + panel) * PANEL * pairs * 2, pairs, tiles,
                   p + i * w.block * vectors);
  for (int64_t t = 0; t < tiles;) {
    const int64_t run = std::min(tiles - t, w.across - (first + t) % w.across);
    finish_run<vectors>(c, w, p + t * vectors, first + t, run, panel * PANEL, sums, finish);
    t += run;
  }
}

static void convolve_tiles(const sn_int8_conv *c) {
  const Tiles w(c, omp_get_max_threads());
  Finish *const finish = finish_of(c);
#pragma omp parallel for schedule(static)
  for (int64_t job = 0; job < w.blocks * w.parts; job++) {
    const int64_t first = job / w.parts * w.block, tiles = std::min(w.block, w.tiles - first), part = job % w.parts;
    uint8_t *own = (uint8_t *)c->scratch + omp_get_thread_num() * w.bytes(), *padding = own + w.transforms() + w.products() + w.sums();
    IntVec *products = (IntVec *)(own + w.transforms()), *sums = (IntVec *)(own + w.transforms() + w.products());
    std::fill(padding, padding + w.channels, uint8_t(c->x_zero));
    transform_tiles(c, w, first, tiles, (int16_t *)own, padding);
    for (int64_t p = w.panels * part / w.parts; p < w.panels * (part + 1) / w.parts; p++)
      if (c->co - p * PANEL > LANES)
        multiply_panel<2>(c, w, (const int16_t *)own, p, first, tiles, products, sums, finish);
      else
        multiply_panel<1>(c, w, (const int16_t *)own, p, first, tiles, products, sums, finish);
  }
}

// pack_tiles packs the transforms of a weight point after point, as pack does it for a weight of one tap.
static void pack_tiles(const uint8_t *weight, int64_t co, int64_t ci, int16_t *packed) {
  const int64_t panels = (co + PANEL - 1) / PANEL, pairs = (ci + 1) / 2;
  std::fill(packed, packed + POINTS * panels * PANEL * pairs * 2, int16_t(0));
  for (int64_t o = 0; o < co; o++)
    for (int64_t i = 0; i < ci; i++) {
      int32_t g[3][3], t[4][3], u[4][4];
      for (int k = 0; k < 9; k++) g[k / 3][k % 3] = int32_t(weight[(o * ci + i) * 9 + k]) - 128;
      for (int x = 0; x < 3; x++)
        t[0][x] = 2 * g[0][x], t[1][x] = g[0][x] + g[1][x] + g[2][x], t[2][x] = g[0][x] - g[1][x] + g[2][x], t[3][x] = 2 * g[2][x];
      for (int y = 0; y < 4; y++)
        u[y][0] = 2 * t[y][0], u[y][1] = t[y][0] + t[y][1] + t[y][2], u[y][2] = t[y][0] - t[y][1] + t[y][2], u[y][3] = 2 * t[y][2];
      for (int k = 0; k < POINTS; k++)
        packed[((k * panels + o / PANEL) * pairs + i / 2) * PANEL * 2 + o % PANEL * 2 + i % 2] = int16_t(u[k / 4][k % 4]);
    }
}

size_t scratch(const sn_int8_conv *c, int threads) {
  return c->winograd ? size_t(threads * Tiles(c, threads).bytes()) : windows_scratch(c, threads);
}

void convolve(const sn_int8_conv *c) { c->winograd ? convolve_tiles(c) : convolve_windows(c); }

size_t packed_bytes(int64_t co, int64_t ci, int64_t taps, int winograd) {
  return winograd ? POINTS * windows_bytes(co, ci) : windows_bytes(co, taps * ci);
}

void pack(const uint8_t *weight, int64_t co, int64_t ci, int64_t taps, int winograd, void *packed, int32_t *sum) {
  if (winograd)
    pack_tiles(weight, co, ci, (int16_t *)packed);
  else
    pack_windows(weight, co, ci, taps, packed);
  for (int64_t o = 0; o < co; o++) {
    int32_t total = 0;
    for (int64_t i = 0; i < ci * taps; i++) total += int32_t(weight[o * ci * taps + i]) - 128;
    sum[o] = total;
  }
}
