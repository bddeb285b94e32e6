// The gradient of a 3x3 convolution's weight by Winograd's method: for each point, the product over tiles of the transformed
// inputs and of the outputs' gradients taken back through the outputs' transform; its sums are taken back through the weights'.

// GradientBlocking depends on the shape alone: sums are the same whatever the number of threads.
struct GradientBlocking {
  int64_t down, across, tiles, block;  // tiles of an image, of all, of a block that is transformed before it is multiplied
  int64_t inputs, outputs;             // vectors of channels

  GradientBlocking(const sn_conv_shape &s, int m) {
    down = (s.oh + m - 1) / m, across = (s.ow + m - 1) / m, tiles = s.n * down * across;
    inputs = up(s.ci, LANES) / LANES, outputs = up(s.co, LANES) / LANES;
    const int64_t cache = 2 << 20;  // floats that a block's transforms may take
    block = std::min(tiles, std::max<int64_t>(48, std::min<int64_t>(192, cache / ((m + 2) * (m + 2) * (inputs + outputs) * LANES))));
  }
  int64_t x_plane() const { return inputs * block * LANES + 16; }
  int64_t dy_plane() const { return outputs * block * LANES + 16; }
  int64_t sum_plane() const { return inputs * LANES * outputs * LANES; }
  int64_t scratch(int m) const { return (m + 2) * (m + 2) * (x_plane() + dy_plane() + sum_plane()); }
};

// vectors calls f(vector, lanes) for each vector of c channels; lanes is a constant where it can be.
template <class F>
static SN_INLINE void vectors(int64_t c, F f) {
  int64_t v = 0;
  for (; (v + 1) * LANES <= c; v++) f(v, std::integral_constant<int64_t, LANES>());
  if (v * LANES < c) f(v, c - v * LANES);
}

template <class T>
static SN_INLINE Vec load_lanes(const T *p, int64_t lanes) { return lanes == LANES ? load(p) : load_part(p, lanes); }

enum { INPUTS = LANES / 2, OUTPUTS = 3 };  // inputs by vectors of outputs whose sums fit in the registers

template <int outputs>
static SN_INLINE void add_part(const float *x, const float *dy, int64_t dy_step, float *sums, int64_t stride, int64_t tiles, bool first) {
  Vec sum[INPUTS][outputs];
  for (int r = 0; r < INPUTS; r++)
    for (int v = 0; v < outputs; v++) sum[r][v] = first ? Vec{} : load(sums + r * stride + v * LANES);
  for (int64_t t = 0; t < tiles; t++, x += LANES, dy += LANES) {
    Vec f[outputs];
#pragma GCC unroll 3
    for (int v = 0; v < outputs; v++) f[v] = load(dy + v * dy_step);
#pragma GCC unroll 8
    for (int r = 0; r < INPUTS; r++)
#pragma GCC unroll 3
      for (int v = 0; v < outputs; v++) sum[r][v] += x[r] * f[v];
  }
  for (int r = 0; r < INPUTS; r++)
    for (int v = 0; v < outputs; v++) store(sums + r * stride + v * LANES, sum[r][v]);
}

// add_products adds to the sums (inputs, outputs) of a point the products over tiles. Transforms lie vector by vector of
// channels, tile by tile.
static void add_products(const float *x, const float *dy, float *sums, const GradientBlocking &b, int64_t tiles, bool first) {
  const int64_t stride = b.outputs * LANES, step = b.block * LANES;
  for (int64_t o = 0; o < b.outputs; o += OUTPUTS)
    for (int64_t i = 0; i < b.inputs * LANES; i += INPUTS) {
      const float *a = x + i / LANES * step + i % LANES, *d = dy + o * step;
      float *to = sums + i * stride + o * LANES;
      switch (std::min<int64_t>(OUTPUTS, b.outputs - o)) {
        case 1: add_part<1>(a, d, step, to, stride, tiles, first); break;
        case 2: add_part<2>(a, d, step, to, stride, tiles, first); break;
        default: add_part<3>(a, d, step, to, stride, tiles, first);
      }
    }
}

template <int m, class T>
static void winograd_weight_gradient(const sn_winograd_gradient &c) {
  constexpr int k = m + 2, points = k * k;
  const sn_conv_shape &s = c.shape;
  const GradientBlocking b(s, m);
  float *x = c.scratch, *dy = x + points * b.x_plane(), *sums = dy + points * b.dy_plane();
#pragma omp parallel
  {
    for (int64_t first = 0; first < b.tiles; first += b.block) {
      const int64_t tiles = std::min(b.block, b.tiles - first);
#pragma omp for schedule(static)
      for (int64_t t = 0; t < tiles; t++) {
        const Tile tile(first + t, m, b.down, b.across);
        const T *from[points], *zeros = (const T *)c.zeros;
        pixels<k>((const T *)c.x + tile.image * s.h * s.w * s.ci, s.h, s.w, s.ci, tile.y - s.pad, tile.x - s.pad, zeros, from);
        vectors(s.ci, [&](int64_t v, auto lanes) {
          float *to = x + (v * b.block + t) * LANES;
          both<k, k>(Toom<m>::input, [&](int i, int j) { return load_lanes(from[i * k + j] + v * LANES, lanes); },
                     [&](int i, int j, Vec u) { store(to + (i * k + j) * b.x_plane(), u); });
        });
        pixels<m>((const T *)c.dy + tile.image * s.oh * s.ow * s.co, s.oh, s.ow, s.co, tile.y, tile.x, zeros, from);
        vectors(s.co, [&](int64_t v, auto lanes) {
          float *to = dy + (v * b.block + t) * LANES;
          both<m, k>(Toom<m>::output_gradient, [&](int i, int j) { return load_lanes(from[i * m + j] + v * LANES, lanes); },
                     [&](int i, int j, Vec u) { store(to + (i * k + j) * b.dy_plane(), u); });
        });
      }
#pragma omp for schedule(static)
      for (int i = 0; i < points; i++)
        add_products(x + i * b.x_plane(), dy + i * b.dy_plane(), sums + i * b.sum_plane(), b, tiles, first == 0);
    }
#pragma omp for schedule(static)
    for (int64_t cell = 0; cell < b.outputs * s.ci; cell++) {
      const int64_t o = cell / s.ci * LANES, i = cell % s.ci;
      const float *sum = sums + i * b.outputs * LANES + o;
      float g[9][LANES];
      both<k, 3>(Toom<m>::weight_gradient, [&](int y, int x) { return load(sum + (y * k + x) * b.sum_plane()); },
                 [&](int y, int x, Vec v) { store(g[3 * y + x], v); });
      for (int64_t lane = 0; lane < std::min<int64_t>(LANES, s.co - o); lane++)
        for (int j = 0; j < 9; j++) c.dw[((o + lane) * s.ci + i) * 9 + j] = g[j][lane];
    }
  }
}

void winograd_gradient_run(const sn_winograd_gradient *c) {
  by_tile(c->tile, [&](auto m) { typed(c->type, [&](auto t) { winograd_weight_gradient<m, decltype(t)>(*c); }); });
}

int64_t winograd_gradient_scratch(const sn_conv_shape *s, int tile) { return GradientBlocking(*s, tile).scratch(tile); }
