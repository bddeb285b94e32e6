// The transforms of Winograd's method for convolutions of 3x3: F(m x m, 3x3) makes m x m outputs of a tile from (m+2)^2 products
// instead of 9 m^2. They are Toom and Cook's with the points 0, 1, -1, infinity for m = 2 and 0, A, -A, B, -B, infinity for m = 4.

// Toom has one dimension of each transform: of m+2 inputs, of three weights, of m+2 products to outputs, and of the gradients by
// the last two.
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
  static SN_INLINE void weight_gradient(const Vec *t, Vec *g) {
    const Vec half = 0.5f * (t[1] + t[2]);
    g[0] = t[0] + half;
    g[1] = 0.5f * (t[1] - t[2]);
    g[2] = half + t[3];
  }
  static SN_INLINE void output_gradient(const Vec *y, Vec *p) {
    p[0] = y[0];
    p[1] = y[0] + y[1];
    p[2] = y[0] - y[1];
    p[3] = y[1];
  }
};

template <>
struct Toom<4> {
  // Small points keep rounding errors small; these are oneDNN's.
  static constexpr float A = 0.625f, B = 1.5f, A2 = A * A, B2 = B * B;
  // By how far a point is from the others.
  static constexpr float O = float(1 / (double(A2) * B2)), U = float(1 / (2 * double(A2) * (double(A2) - B2))),
                         V = float(1 / (2 * double(B2) * (double(B2) - A2)));

  static SN_INLINE void input(const Vec *d, Vec *t) {
    const Vec p = d[4] - B2 * d[2], q = d[3] - B2 * d[1], r = d[4] - A2 * d[2], s = d[3] - A2 * d[1];
    t[0] = A2 * B2 * d[0] - (A2 + B2) * d[2] + d[4];
    t[1] = p + A * q;
    t[2] = p - A * q;
    t[3] = r + B * s;
    t[4] = r - B * s;
    t[5] = A2 * B2 * d[1] - (A2 + B2) * d[3] + d[5];
  }
  static SN_INLINE void weight(const Vec *g, Vec *t) {
    const Vec p = U * g[0] + A2 * U * g[2], q = A * U * g[1], r = V * g[0] + B2 * V * g[2], s = B * V * g[1];
    t[0] = O * g[0];
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
    y[2] = A2 * s + B2 * t;
    y[3] = A2 * A * d + B2 * B * e + p[5];
  }
  static SN_INLINE void weight_gradient(const Vec *t, Vec *g) {
    const Vec p = U * (t[1] + t[2]), q = U * (t[1] - t[2]), r = V * (t[3] + t[4]), s = V * (t[3] - t[4]);
    g[0] = O * t[0] + p + r;
    g[1] = A * q + B * s;
    g[2] = A2 * p + B2 * r + t[5];
  }
  static SN_INLINE void output_gradient(const Vec *y, Vec *p) {
    const Vec s = y[0] + A2 * y[2], d = A * y[1] + A2 * A * y[3], t = y[0] + B2 * y[2], e = B * y[1] + B2 * B * y[3];
    p[0] = y[0];
    p[1] = s + d;
    p[2] = s - d;
    p[3] = t + e;
    p[4] = t - e;
    p[5] = y[3];
  }
};

// both applies a transform of `from` values to `to` in both dimensions: get(y, x) reads, put(y, x, v) takes the results.
template <int from, int to, class Transform, class Get, class Put>
static SN_INLINE void both(Transform transform, Get get, Put put) {
  Vec t[to][from];
#pragma GCC unroll 6
  for (int x = 0; x < from; x++) {
    Vec d[from], u[to];
#pragma GCC unroll 6
    for (int y = 0; y < from; y++) d[y] = get(y, x);
    transform(d, u);
#pragma GCC unroll 6
    for (int y = 0; y < to; y++) t[y][x] = u[y];
  }
#pragma GCC unroll 6
  for (int y = 0; y < to; y++) {
    Vec u[to];
    transform(t[y], u);
#pragma GCC unroll 6
    for (int x = 0; x < to; x++) put(y, x, u[x]);
  }
}

// Tile is where m x m outputs are.
struct Tile {
  int64_t image, y, x;
  SN_INLINE Tile(int64_t tile, int m, int64_t down, int64_t across)
      : image(tile / (down * across)), y(tile / across % down * m), x(tile % across * m) {}
};

// pixels finds a square of pixels of an image (h, w, c); those outside are zeros.
template <int side, class T>
static SN_INLINE void pixels(const T *image, int64_t h, int64_t w, int64_t c, int64_t y0, int64_t x0, const T *zeros, const T **at) {
  for (int i = 0; i < side * side; i++) {
    const int64_t y = y0 + i / side, x = x0 + i % side;
    at[i] = y >= 0 && y < h && x >= 0 && x < w ? image + (y * w + x) * c : zeros;
  }
}

// by_tile calls f with the side of tiles as a constant.
template <class F>
static SN_INLINE void by_tile(int tile, F f) {
  if (tile == 2)
    f(std::integral_constant<int, 2>());
  else
    f(std::integral_constant<int, 4>());
}
