// Convolutions of 3x3 by Winograd's method: F(m x m, 3x3) makes m x m outputs of a tile from (m+2)^2 products instead of 9 m^2.
// A tile's inputs and the weights are transformed, multiplied point by point (a matrix product over channels for each of the
// (m+2)^2 points), and the products transformed to outputs. Tiles go through in blocks whose transforms stay in the cache.
//
// The transforms are Toom and Cook's with the points 0, 1, -1, infinity for m = 2 and 0, A, -A, B, -B, infinity for m = 4.

// Points for m = 4. Small ones keep rounding errors small; these are oneDNN's.
constexpr float A = 0.625f, B = 1.5f;

// One dimension of each transform: of m+2 inputs, of three weights, of m+2 products.
template <int m>
struct Toom;

template <>
struct Toom<2> {
  static SN_INLINE void input(const Vec *d, Vec *t) {
    t[0] = d[0] - d[2];
    t[1] = d[1] + d[2];
    t[2] = d[2] - d[1];
    t[3] = d[3] - d[1];
  }
  static SN_INLINE void weight(const Vec *g, Vec *t) {
    t[0] = g[0];
    t[1] = 0.5f * (g[0] + g[1] + g[2]);
    t[2] = 0.5f * (g[0] - g[1] + g[2]);
    t[3] = g[2];
  }
  static SN_INLINE void output(const Vec *p, Vec *y) {
    y[0] = p[0] + p[1] + p[2];
    y[1] = p[1] - p[2] + p[3];
  }
};

template <>
struct Toom<4> {
  static SN_INLINE void input(const Vec *d, Vec *t) {
    constexpr float a = A * A, b = B * B;
    const Vec p = d[4] - b * d[2], q = d[3] - b * d[1], r = d[4] - a * d[2], s = d[3] - a * d[1];
    t[0] = a * b * d[0] - (a + b) * d[2] + d[4];
    t[1] = p + A * q;
    t[2] = p - A * q;
    t[3] = r + B * s;
    t[4] = r - B * s;
    t[5] = a * b * d[1] - (a + b) * d[3] + d[5];
  }
  static SN_INLINE void weight(const Vec *g, Vec *t) {
    constexpr double a = double(A) * A, b = double(B) * B, u = 1 / (2 * a * (a - b)), v = 1 / (2 * b * (b - a));
    const Vec p = float(u) * g[0] + float(a * u) * g[2], q = float(A * u) * g[1], r = float(v) * g[0] + float(b * v) * g[2],
              s = float(B * v) * g[1];
    t[0] = float(1 / (a * b)) * g[0];
    t[1] = p + q;
    t[2] = p - q;
    t[3] = r + s;
    t[4] = r - s;
    t[5] = g[2];
  }
  static SN_INLINE void output(const Vec *p, Vec *y) {
    const Vec s = p[1] + p[2], d = p[1] - p[2], t = p[3] + p[4], e = p[3] - p[4];
    y[0] = p[0] + s + t;
    y[1] = A * d + B * e;
    y[2] = A * A * s + B * B * t;
    y[3] = A * A * A * d + B * B * B * e + p[5];
  }
};

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

// transform_tile makes the points of a tile's inputs, each on a plane of v. `from` has the tile's pixels.
template <int m>
static SN_INLINE void transform_tile(const float *const *from, int64_t channels, float *v, int64_t plane) {
  constexpr int k = m + 2;
  for (int64_t c = 0;; c = std::min(c + LANES, channels - LANES)) {
    Vec t[k][k];
#pragma GCC unroll 6
    for (int x = 0; x < k; x++) {
      Vec d[k], u[k];
#pragma GCC unroll 6
      for (int y = 0; y < k; y++) d[y] = load(from[y * k + x] + c);
      Toom<m>::input(d, u);
#pragma GCC unroll 6
      for (int y = 0; y < k; y++) t[y][x] = u[y];
    }
#pragma GCC unroll 6
    for (int y = 0; y < k; y++) {
      Vec u[k];
      Toom<m>::input(t[y], u);
#pragma GCC unroll 6
      for (int x = 0; x < k; x++) store(v + (y * k + x) * plane + c, u[x]);
    }
    if (c + LANES >= channels) return;
  }
}

// finish_tile makes a tile's outputs from its products, h x w of them, for `channels` channels.
template <int m, class Residual, class Rectify>
static SN_INLINE void finish_tile(const float *p, int64_t plane, const float *bias, const float *residual, float *y, int64_t h,
                                  int64_t w, int64_t row, int64_t pixel, int64_t channels) {
  constexpr int k = m + 2;
  for (int64_t c = 0; c < channels; c += LANES) {
    const int64_t lanes = std::min<int64_t>(LANES, channels - c);
    Vec t[m][k];
#pragma GCC unroll 6
    for (int j = 0; j < k; j++) {
      Vec d[k], u[m];
#pragma GCC unroll 6
      for (int i = 0; i < k; i++) d[i] = load(p + (i * k + j) * plane + c);
      Toom<m>::output(d, u);
#pragma GCC unroll 4
      for (int i = 0; i < m; i++) t[i][j] = u[i];
    }
    const Vec b = load(bias + c);
    for (int64_t i = 0; i < h; i++) {
      Vec u[m];
      Toom<m>::output(t[i], u);
#pragma GCC unroll 4
      for (int j = 0; j < m; j++) {
        if (j >= w) break;
        const int64_t at = i * row + j * pixel + c;
        Vec v = u[j] + b;
        if (lanes == LANES) {
          if (Residual()) v += load(residual + at);
          store(y + at, Rectify() ? rectified(v) : v);
        } else {
          if (Residual()) v += load_part(residual + at, lanes);
          store_part(y + at, Rectify() ? rectified(v) : v, lanes);
        }
      }
    }
  }
}

template <int m, class Residual, class Rectify>
static void winograd_blocks(const sn_winograd &c) {
  constexpr int k = m + 2;
  const sn_conv_shape &s = c.shape;
  const Blocking b(s, m, omp_get_max_threads());
  const int64_t scratch = b.scratch(m);
#pragma omp parallel for schedule(static) if (b.blocks * b.shares > 1)
  for (int64_t item = 0; item < b.blocks * b.shares; item++) {
    float *v = c.scratch + omp_get_thread_num() * scratch, *p = v + k * k * b.v_plane;
    const int64_t first = item / b.shares * b.block, rows = std::min(b.block, b.tiles - first);
    const int64_t column = item % b.shares * b.part, columns = std::min(b.part, b.columns - column);
    for (int64_t r = 0; r < rows; r++) {
      const int64_t tile = first + r, y0 = tile / b.across % b.down * m - s.pad, x0 = tile % b.across * m - s.pad;
      const float *image = c.x + tile / (b.down * b.across) * s.h * s.w * s.ci, *from[k * k];
      for (int i = 0; i < k * k; i++) {
        const int64_t y = y0 + i / k, x = x0 + i % k;
        from[i] = y >= 0 && y < s.h && x >= 0 && x < s.w ? image + (y * s.w + x) * s.ci : c.zeros;
      }
      transform_tile<m>(from, s.ci, v + r * b.channels, b.v_plane);
    }
    for (int i = 0; i < k * k; i++)
      product(v + i * b.v_plane, b.channels, c.weight + (i * b.columns + column) * s.ci, p + i * b.p_plane, columns, rows, s.ci,
              columns);
    for (int64_t r = 0; r < rows; r++) {
      const int64_t tile = first + r, y0 = tile / b.across % b.down * m, x0 = tile % b.across * m;
      const int64_t at = ((tile / (b.down * b.across) * s.oh + y0) * s.ow + x0) * s.co + column;
      finish_tile<m, Residual, Rectify>(p + r * columns, b.p_plane, c.bias + column, Residual() ? c.residual + at : nullptr,
                                        c.y + at, std::min<int64_t>(m, s.oh - y0), std::min<int64_t>(m, s.ow - x0), s.ow * s.co,
                                        s.co, std::min(columns, s.co - column));
    }
  }
}

void winograd_run(const sn_winograd *c) {
  flag(c->residual, [&](auto adds) {
    flag(c->relu, [&](auto rectify) {
      if (c->tile == 2)
        winograd_blocks<2, decltype(adds), decltype(rectify)>(*c);
      else
        winograd_blocks<4, decltype(adds), decltype(rectify)>(*c);
    });
  });
}

int64_t winograd_scratch(const sn_conv_shape *s, int tile, int threads) {
  return threads * Blocking(*s, tile, threads).scratch(tile);
}

int64_t winograd_weight_size(int64_t co, int64_t ci, int tile) { return (tile + 2) * (tile + 2) * ci * up(co, LANES); }

// transform_weights makes, for each point, a matrix (ci, co) packed in panels.
template <int m>
static void transform_weights(const float *w, int64_t co, int64_t ci, int64_t co_stride, int64_t ci_stride, int turned, float *to) {
  constexpr int k = m + 2;
  const int64_t columns = up(co, LANES);
#pragma omp parallel for schedule(static)
  for (int64_t cell = 0; cell < columns / LANES * ci; cell++) {
    const int64_t c = cell / ci * LANES, i = cell % ci;
    float lanes[9][LANES] = {};
    for (int64_t lane = 0; lane < std::min<int64_t>(LANES, co - c); lane++)
      for (int j = 0; j < 9; j++) lanes[turned ? 8 - j : j][lane] = w[(c + lane) * co_stride + i * ci_stride + j];
    Vec t[k][3];
    for (int x = 0; x < 3; x++) {
      const Vec g[3] = {load(lanes[x]), load(lanes[3 + x]), load(lanes[6 + x])};
      Vec u[k];
      Toom<m>::weight(g, u);
      for (int y = 0; y < k; y++) t[y][x] = u[y];
    }
    const int64_t panel = c / PANEL * PANEL, width = std::min<int64_t>(PANEL, columns - panel);
    float *out = to + panel * ci + i * width + c - panel;
    for (int y = 0; y < k; y++) {
      Vec u[k];
      Toom<m>::weight(t[y], u);
      for (int x = 0; x < k; x++) store(out + (y * k + x) * columns * ci, u[x]);
    }
    }
}

void winograd_weights(const float *w, int64_t co, int64_t ci, int64_t co_stride, int64_t ci_stride, int turned, int tile, float *to) {
  if (tile == 2)
    transform_weights<2>(w, co, ci, co_stride, ci_stride, turned, to);
  else
    transform_weights<4>(w, co, ci, co_stride, ci_stride, turned, to);
}
