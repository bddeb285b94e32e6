// Convolutions of 3x3 with stride 1 by Winograd's method (toom.hh): inputs of a block of tiles are transformed, multiplied by the
// transformed weights (a product of matrices over channels for each of the (m+2)^2 points), and the products transformed to
// outputs. A block is as large as fits in the cache.

// Blocking is how tiles and output channels are shared out: an item of work is a block of tiles and a share of the columns. It
// depends on the number of threads; results do not.
struct Blocking {
  int64_t down, across, tiles;    // tiles of an image, of all
  int64_t block, blocks;          // tiles of a block, blocks
  int64_t columns, part, shares;  // output channels as products have them, of a share, shares
  int64_t channels;               // input channels as transforms have them
  int64_t v_plane, p_plane;       // a point's transforms and products

  Blocking(const sn_conv_shape &s, int m, int threads) {
    down = (s.oh + m - 1) / m, across = (s.ow + m - 1) / m, tiles = s.n * down * across;
    columns = up(s.co, LANES), channels = up(s.ci, LANES);
    // Transforms and products should stay in the second cache, but each weight that is read should serve 24 tiles.
    const int64_t cache = 96 << 10;  // floats
    const int64_t most = std::max<int64_t>(24, cache / ((m + 2) * (m + 2) * (channels + columns)) / ROWS * ROWS);
    blocks = (tiles + most - 1) / most;
    if (tiles >= threads * ROWS) blocks = up(blocks, threads);
    block = (tiles + blocks - 1) / blocks, blocks = (tiles + block - 1) / block;
    part = blocks < threads ? up((columns * blocks + threads - 1) / threads, PANEL) : columns;
    shares = (columns + part - 1) / part;
    // Planes a power of two apart would meet in the cache's sets.
    v_plane = block * channels + 16, p_plane = block * up(part, LANES) + 16;
  }
  int64_t scratch(int m) const { return (m + 2) * (m + 2) * (v_plane + p_plane); }
};

// depth is how many channels, or pairs of them if they are bf16, a product runs over.
static SN_INLINE int64_t depth(float, int64_t ci) { return ci; }
static SN_INLINE int64_t depth(bf16, int64_t ci) { return (ci + 1) / 2; }

// multiply makes products (rows, columns) of transforms (rows, ci) and a packed weight (ci, columns), both of type W.
template <class W>
static void multiply(const W *v, int64_t v_stride, const W *weight, float *p, int64_t rows, int64_t ci, int64_t columns) {
  const int64_t k = depth(W(), ci);
  tiled(rows, columns, [&](int64_t row, auto n, int64_t column, auto vectors) {
    Vec sum[n][vectors] = {};
    accumulate<n, vectors>(sum, v + row * v_stride, v_stride, (const W *)((const float *)weight + column * k), k);
    for (int r = 0; r < n; r++)
      for (int j = 0; j < vectors; j++) store(p + (row + r) * columns + column + j * LANES, sum[r][j]);
  });
}

// finish_tile makes a tile's outputs from its products; h x w of them are inside.
template <int m, class Residual, int activation, class T>
static SN_INLINE void finish_tile(const float *p, int64_t plane, const float *bias, const T *residual, T *y, int64_t h, int64_t w,
                                  int64_t row, int64_t pixel, int64_t channels) {
  constexpr int k = m + 2;
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t lanes = std::min<int64_t>(LANES, channels - c);
    const Vec b = load(bias + c);
    both<k, m>(Toom<m>::output, [&](int i, int j) { return load(p + (i * k + j) * plane + c); },
               [&](int i, int j, Vec v) {
                 if (i >= h || j >= w) return;
                 const int64_t at = i * row + j * pixel + c;
                 v += b;
                 if (lanes == LANES) {
                   if (Residual()) v += load(residual + at);
                   store(y + at, activated<activation>(v));
                 } else {
                   if (Residual()) v += load_part(residual + at, lanes);
                   store_part(y + at, activated<activation>(v), lanes);
                 }
               });
  }
}

// transform_tile makes a tile's transforms; those of channels that fill up a vector are zeros, or other channels' again.
template <int m, class W, class T>
static SN_INLINE void transform_tile(const T **from, int64_t ci, W *to, int64_t plane) {
  constexpr int k = m + 2;
  for (int64_t done = 0; done < ci; done += LANES) {
    const bool whole = std::is_same<W, float>() || done + LANES <= ci;
    const int64_t channel = std::is_same<W, float>() ? std::min(done, ci - LANES) : done;  // floats: the last vector overlaps
    both<k, k>(Toom<m>::input,
               [&](int y, int x) {
                 const T *p = from[y * k + x] + channel;
                 return whole ? load(p) : load_part(p, ci - channel);
               },
               [&](int y, int x, Vec u) { store(to + channel + (y * k + x) * plane, u); });
  }
}

// Features are of type T; W are transforms and weights.
template <int m, class W, class Residual, int activation, class T>
static void winograd_blocks(const sn_winograd &c) {
  constexpr int k = m + 2;
  const sn_conv_shape &s = c.shape;
  const Blocking b(s, m, omp_get_max_threads());
  const int64_t scratch = b.scratch(m);
#pragma omp parallel for schedule(static) if (b.blocks * b.shares > 1)
  for (int64_t item = 0; item < b.blocks * b.shares; item++) {
    float *own = c.scratch + omp_get_thread_num() * scratch, *p = own + k * k * b.v_plane;
    W *v = (W *)own;
    const int64_t first = item / b.shares * b.block, rows = std::min(b.block, b.tiles - first);
    const int64_t column = item % b.shares * b.part, columns = std::min(b.part, b.columns - column);
    for (int64_t r = 0; r < rows; r++) {
      const Tile tile(first + r, m, b.down, b.across);
      const T *from[k * k];
      pixels<k>((const T *)c.x + tile.image * s.h * s.w * s.ci, s.h, s.w, s.ci, tile.y - s.pad, tile.x - s.pad, (const T *)c.zeros, from);
      transform_tile<m>(from, s.ci, v + r * b.channels, b.v_plane);
    }
    for (int i = 0; i < k * k; i++)
      multiply(v + i * b.v_plane, b.channels, (const W *)(c.weight + (i * b.columns + column) * depth(W(), s.ci)), p + i * b.p_plane,
               rows, s.ci, columns);
    for (int64_t r = 0; r < rows; r++) {
      const Tile tile(first + r, m, b.down, b.across);
      const int64_t at = ((tile.image * s.oh + tile.y) * s.ow + tile.x) * s.co + column;
      finish_tile<m, Residual, activation>(p + r * columns, b.p_plane, c.bias + column,
                                        Residual() ? (const T *)c.residual + at : nullptr, (T *)c.y + at, s.oh - tile.y,
                                        s.ow - tile.x, s.ow * s.co, s.co, std::min(columns, s.co - column));
    }
  }
}

void winograd_run(const sn_winograd *c) {
  auto run = [&](auto m, auto w, auto t) {
    flag(c->residual, [&](auto adds) {
      by_activation(c->activation, [&](auto activation) { winograd_blocks<m, decltype(w), decltype(adds), activation, decltype(t)>(*c); });
    });
  };
  if (c->product == SN_BF16)  // of bf16 features in tiles of 2x2
    run(std::integral_constant<int, 2>(), bf16(), bf16());
  else
    by_tile(c->tile, [&](auto m) { typed(c->type, [&](auto t) { run(m, float(), t); }); });
}

int64_t winograd_scratch(const sn_conv_shape *s, int tile, int threads) {
  return threads * Blocking(*s, tile, threads).scratch(tile);
}

int64_t winograd_weight_size(int64_t co, int64_t ci, int tile, int product) {
  return (tile + 2) * (tile + 2) * up(co, LANES) * (product == SN_BF16 ? depth(bf16(), ci) : ci);
}

// put_row stores a row's part of a panel that is `width` columns wide, of a matrix of `rows` rows: rows of bf16 lie in pairs.
static SN_INLINE void put_row(float *panel, int64_t row, int64_t, int64_t width, int64_t column, Vec u) {
  store(panel + row * width + column, u);
}
static SN_INLINE void put_row(bf16 *panel, int64_t row, int64_t rows, int64_t width, int64_t column, Vec u) {
  const Halves h = rounded(u);
  bf16 *to = panel + 2 * (row / 2 * width + column) + row % 2;
  for (int lane = 0; lane < LANES; lane++) to[2 * lane].bits = h[lane];
  if (row % 2 == 0 && row + 1 == rows)
    for (int lane = 0; lane < LANES; lane++) to[2 * lane + 1].bits = 0;
}

// For each point, the weights are a matrix (ci, co) packed in panels.
template <int m, class W>
static void pack_winograd(const float *w, int64_t co, int64_t ci, int64_t co_stride, int64_t ci_stride, int turned, float *to) {
  constexpr int k = m + 2;
  const int64_t columns = up(co, LANES), rows = depth(W(), ci);  // rows of floats
#pragma omp parallel for schedule(static)
  for (int64_t cell = 0; cell < columns / LANES * ci; cell++) {
    const int64_t c = cell / ci * LANES, i = cell % ci;
    float g[9][LANES] = {};
    for (int64_t lane = 0; lane < std::min<int64_t>(LANES, co - c); lane++)
      for (int j = 0; j < 9; j++) g[turned ? 8 - j : j][lane] = w[(c + lane) * co_stride + i * ci_stride + j];
    const int64_t panel = c / PANEL * PANEL, width = std::min<int64_t>(PANEL, columns - panel);
    both<3, k>(Toom<m>::weight, [&](int y, int x) { return load(g[3 * y + x]); },
               [&](int y, int x, Vec u) { put_row((W *)(to + (y * k + x) * columns * rows + panel * rows), i, ci, width, c - panel, u); });
  }
}

void winograd_weights(const float *w, int64_t co, int64_t ci, int64_t co_stride, int64_t ci_stride, int turned, int tile, int product,
                      float *to) {
  if (product == SN_BF16) return pack_winograd<2, bf16>(w, co, ci, co_stride, ci_stride, turned, to);
  by_tile(tile, [&](auto m) { pack_winograd<m, float>(w, co, ci, co_stride, ci_stride, turned, to); });
}
